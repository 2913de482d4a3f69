import { maxKeptBodyBytes } from '#protocol/local-api/traffic-api.ts';

const initialBytes = 512;

/** The beginning of a body, copied as it passes: the relay's buffer is a piece of a larger one, which a view would keep. */
export class KeptBody {
  #buffer = new Uint8Array(0);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns how many bytes were copied. */
  add(chunk: Uint8Array, start: number, end: number): number {
    const kept = Math.min(end - start, maxKeptBodyBytes - this.#bytes);
    if (kept <= 0) return 0;
    const needed = this.#bytes + kept;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(maxKeptBodyBytes, Math.max(needed, 2 * this.#buffer.length, initialBytes)));
      larger.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk.subarray(start, start + kept), this.#bytes);
    this.#bytes = needed;
    return kept;
  }

  content(): Uint8Array {
    return this.#buffer.slice(0, this.#bytes);
  }
}
