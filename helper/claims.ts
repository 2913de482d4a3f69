import type { InterfaceLease } from './interface-lease.ts';

/** Descriptors that wait for their taker; each claim is good for one. */
export class Claims {
  readonly #deadlineMs: number;
  readonly #waiting = new Map<string, { readonly lease: InterfaceLease; readonly timer: NodeJS.Timeout }>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  offer(claim: string, lease: InterfaceLease, expire: () => void): void {
    const timer = setTimeout(() => {
      this.#waiting.delete(claim);
      expire();
    }, this.#deadlineMs);
    this.#waiting.set(claim, { lease, timer });
  }

  /** @returns `undefined` where there is no such claim (any more). */
  take(claim: string): InterfaceLease | undefined {
    const offered = this.#waiting.get(claim);
    if (offered === undefined) return undefined;
    clearTimeout(offered.timer);
    this.#waiting.delete(claim);
    return offered.lease;
  }

  clear(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
