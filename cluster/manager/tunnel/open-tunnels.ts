import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

/** The tunnels that are open, by session: all of a session's end with it. */
export class OpenTunnels {
  /** One listener for each session, since a laptop may have thousands of tunnels and an AbortSignal searches its listeners one by one. */
  readonly #bySession = new WeakMap<AbortSignal, Set<TunnelDuplex>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param session aborts when the session ends */
  add(tunnel: TunnelDuplex, session: AbortSignal): void {
    const tunnels = this.#bySession.get(session) ?? this.#follow(session);
    tunnels.add(tunnel);
    this.#count += 1;
    tunnel.once('close', () => {
      tunnels.delete(tunnel);
      this.#count -= 1;
    });
    if (session.aborted) tunnel.destroy();
  }

  #follow(session: AbortSignal): Set<TunnelDuplex> {
    const tunnels = new Set<TunnelDuplex>();
    this.#bySession.set(session, tunnels);
    const end = () => {
      for (const tunnel of tunnels) tunnel.destroy();
    };
    session.addEventListener('abort', end, { once: true });
    return tunnels;
  }
}
