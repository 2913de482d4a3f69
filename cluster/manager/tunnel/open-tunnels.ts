interface Tunnel {
  once(event: 'close', listener: () => void): unknown;
}

/** The tunnels that are open, by session: all of a session's end with it. */
export class OpenTunnels {
  /** One listener for each session, since a laptop may have thousands of tunnels and an AbortSignal searches its listeners one by one. */
  readonly #bySession = new WeakMap<AbortSignal, Set<() => void>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /**
   * @param session aborts when the session ends
   * @param end ends the tunnel
   */
  add(tunnel: Tunnel, session: AbortSignal, end: () => void): void {
    const ends = this.#bySession.get(session) ?? this.#follow(session);
    ends.add(end);
    this.#count += 1;
    tunnel.once('close', () => {
      ends.delete(end);
      this.#count -= 1;
    });
    if (session.aborted) end();
  }

  #follow(session: AbortSignal): Set<() => void> {
    const ends = new Set<() => void>();
    this.#bySession.set(session, ends);
    session.addEventListener('abort', () => ends.forEach((end) => end()), { once: true });
    return ends;
  }
}
