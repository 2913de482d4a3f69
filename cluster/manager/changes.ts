import { Waiter } from './watched-value.ts';

/** What one reader gets; `key` tells whether it is what the reader has already. */
export interface Snapshot<T> {
  readonly key: string;
  readonly value: T;
}

/** Tells that something changed, to any number of readers who then look for themselves. */
export class Changes {
  readonly #wakers = new Set<() => void>();

  tell(): void {
    for (const wake of this.#wakers) wake();
  }

  /** Returns the way to end it. */
  subscribe(listener: () => void): () => void {
    this.#wakers.add(listener);
    return () => this.#wakers.delete(listener);
  }

  /**
   * A snapshot at once, then one after each change that the reader would see, until `signal` aborts. A slow reader skips to the newest.
   *
   * @param take `undefined`: nothing can be said yet.
   */
  async *watch<T>(signal: AbortSignal, take: () => Snapshot<T> | undefined): AsyncGenerator<T> {
    const waiter = new Waiter(signal);
    let isStale = true;
    let seen: string | undefined;
    const end = this.subscribe(() => {
      isStale = true;
      waiter.wake();
    });
    try {
      while (!signal.aborted) {
        if (!isStale) {
          await waiter.wait();
          continue;
        }
        isStale = false;
        const snapshot = take();
        if (snapshot === undefined || snapshot.key === seen) continue;
        seen = snapshot.key;
        yield snapshot.value;
      }
    } finally {
      end();
      waiter.close();
    }
  }
}
