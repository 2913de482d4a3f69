import { describeEndpoint, type Endpoint } from '#net/tunnel/stream-info.ts';

/** A server that accepted a connection so lately will accept the next, as far as anybody can tell. */
const trustMs = 2_000;

/** More destinations at a time are not remembered; forgetting one costs a round trip. */
const maxDestinations = 1_024;

/**
 * Destinations that were reached moments ago. A program's next connection to one of them is let through while it is dialled, which saves
 * the round trip of waiting for the far side; should the dial fail after all, the program sees its connection reset.
 */
export class AnsweringDestinations {
  readonly #now: () => number;
  readonly #reachedAt = new Map<string, number>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  isAnswering(destination: Endpoint): boolean {
    const reachedAt = this.#reachedAt.get(describeEndpoint(destination));
    return reachedAt !== undefined && this.#now() - reachedAt < trustMs;
  }

  reached(destination: Endpoint): void {
    const key = describeEndpoint(destination);
    this.#reachedAt.delete(key);
    this.#reachedAt.set(key, this.#now());
    if (this.#reachedAt.size <= maxDestinations) return;
    for (const oldest of this.#reachedAt.keys()) {
      this.#reachedAt.delete(oldest);
      return;
    }
  }

  failed(destination: Endpoint): void {
    this.#reachedAt.delete(describeEndpoint(destination));
  }
}
