/** A value that changes, for any number of readers; a slow reader skips to the newest. */
export class WatchedValue<T> {
  readonly #wakers = new Set<() => void>();
  #value: { readonly of: T } | undefined;

  get current(): T | undefined {
    return this.#value?.of;
  }

  set(value: T): void {
    this.#value = { of: value };
    for (const wake of this.#wakers) wake();
  }

  /** The value as soon as there is one, then each newer one, until `signal` aborts. */
  async *watch(signal: AbortSignal): AsyncGenerator<T> {
    let seen: { readonly of: T } | undefined;
    const waiter = new Waiter(signal);
    this.#wakers.add(waiter.wake);
    try {
      while (!signal.aborted) {
        if (this.#value !== undefined && this.#value !== seen) {
          seen = this.#value;
          yield seen.of;
        } else {
          await waiter.wait();
        }
      }
    } finally {
      this.#wakers.delete(waiter.wake);
      waiter.close();
    }
  }
}

/** Suspends one reader until it is woken or its signal aborts; leaves nothing behind on either. */
export class Waiter {
  readonly #signal: AbortSignal;
  #resolve: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.wake);
  }

  readonly wake = (): void => {
    this.#resolve?.();
    this.#resolve = undefined;
  };

  async wait(): Promise<void> {
    if (this.#signal.aborted) return;
    await new Promise<void>((resolve) => (this.#resolve = resolve));
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.wake);
    this.wake();
  }
}
