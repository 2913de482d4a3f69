import { HttpDoubt } from './http-doubt.ts';
import type { BodyFraming } from './message-head.ts';

/** Chunk extensions and trailers beyond this are nobody's: 16 KiB is what servers take for a whole head. */
const maxExtraBytes = 16 * 1024;

const cr = 0x0d;
const lf = 0x0a;

type State =
  | 'data'
  | 'size'
  | 'extension'
  | 'size-end'
  | 'data-cr'
  | 'data-lf'
  | 'trailer'
  | 'trailer-line'
  | 'trailer-end'
  | 'end';

/** Finds the end of one body, in pieces however small, and what of it is content. */
export class BodyReader {
  readonly #framing: BodyFraming;
  #state: State;
  #left: number;
  #digits = 0;
  #extra = 0;

  constructor(framing: BodyFraming) {
    this.#framing = framing;
    this.#state = framing.kind === 'none' ? 'end' : framing.kind === 'chunked' ? 'size' : 'data';
    this.#left = framing.kind === 'length' ? framing.bytes : framing.kind === 'until-close' ? Number.POSITIVE_INFINITY : 0;
  }

  get isEnded(): boolean {
    return this.#state === 'end';
  }

  /**
   * Reads on in `chunk` from `at`, and returns where it stopped: at the chunk's end, or behind the body. `onContent` gets the parts that
   * are content.
   *
   * @throws HttpDoubt where chunks are malformed.
   */
  read(chunk: Uint8Array, at: number, onContent: (chunk: Uint8Array, start: number, end: number) => void): number {
    let position = at;
    while (position < chunk.length && this.#state !== 'end') {
      if (this.#state !== 'data') {
        this.#step(chunk[position] ?? 0);
        position += 1;
        continue;
      }
      const end = Math.min(chunk.length, position + this.#left);
      onContent(chunk, position, end);
      this.#left -= end - position;
      position = end;
      if (this.#left === 0) this.#state = this.#framing.kind === 'chunked' ? 'data-cr' : 'end';
    }
    return position;
  }

  /** A byte between the contents of chunks (RFC 9112, section 7.1). */
  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#sizeByte(byte);
        return;
      case 'extension':
        this.#countExtra();
        if (byte === lf) throw new HttpDoubt('a bare line feed in a chunk');
        if (byte === cr) this.#state = 'size-end';
        return;
      case 'size-end':
        expectByte(byte, lf);
        this.#digits = 0;
        this.#state = this.#left === 0 ? 'trailer' : 'data';
        return;
      case 'data-cr':
        expectByte(byte, cr);
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        expectByte(byte, lf);
        this.#state = 'size';
        return;
      case 'trailer':
        this.#countExtra();
        if (byte === lf) throw new HttpDoubt('a bare line feed in a trailer');
        this.#state = byte === cr ? 'trailer-end' : 'trailer-line';
        return;
      case 'trailer-line':
        this.#countExtra();
        if (byte === lf) this.#state = 'trailer';
        return;
      case 'trailer-end':
        expectByte(byte, lf);
        this.#state = 'end';
        return;
      default:
        throw new HttpDoubt('a byte behind the end');
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit !== undefined) {
      this.#digits += 1;
      // 13 digits are 2⁵² − 1.
      if (this.#digits > 13) throw new HttpDoubt('a chunk that is too large');
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw new HttpDoubt('a chunk without a size');
    if (byte === cr) this.#state = 'size-end';
    else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.#state = 'extension';
    else throw new HttpDoubt('a chunk with an unclear size');
  }

  #countExtra(): void {
    this.#extra += 1;
    if (this.#extra > maxExtraBytes) throw new HttpDoubt('too much beside the chunks of a body');
  }
}

function expectByte(byte: number, expected: number): void {
  if (byte !== expected) throw new HttpDoubt('a chunk without its end');
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}
