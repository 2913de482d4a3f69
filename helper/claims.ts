/** Open descriptors that are about to belong to somebody else. */
export interface Handover {
  readonly descriptors: readonly number[];
  /** Closes this process's own copies. */
  releaseDescriptors(): void;
}

/** Descriptors that wait for their taker; each claim is good for one. */
export class Claims {
  readonly #deadlineMs: number;
  readonly #waiting = new Map<string, { readonly handover: Handover; readonly timer: NodeJS.Timeout }>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  offer(claim: string, handover: Handover, expire: () => void): void {
    const timer = setTimeout(() => {
      this.#waiting.delete(claim);
      expire();
    }, this.#deadlineMs);
    this.#waiting.set(claim, { handover, timer });
  }

  /** @returns `undefined` where there is no such claim (any more). */
  take(claim: string): Handover | undefined {
    const offered = this.#waiting.get(claim);
    if (offered === undefined) return undefined;
    clearTimeout(offered.timer);
    this.#waiting.delete(claim);
    return offered.handover;
  }

  clear(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
