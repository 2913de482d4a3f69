import { BodyReader } from './body-reader.ts';
import { HttpDoubt } from './http-doubt.ts';
import type { BodyFraming } from './message-head.ts';

/** Some four times what servers take. */
export const maxHeadBytes = 64 * 1024;

const headEnd = Buffer.from('\r\n\r\n');
const initialHeldBytes = 2 * 1024;

export interface MessageListener {
  /** The first line is there, and more of the head is to come. @throws HttpDoubt */
  startLine(line: string): void;
  /** A whole head; what it returns says what follows. `switch`: nothing that is HTTP. @throws HttpDoubt */
  head(text: string): BodyFraming | 'switch';
  content(chunk: Uint8Array, start: number, end: number): void;
  end(): void;
}

/** Messages of one direction of a connection of HTTP/1.1, one behind the other, in pieces however small. */
export class MessageReader {
  readonly #listener: MessageListener;
  readonly #onContent: (chunk: Uint8Array, start: number, end: number) => void;
  #body: BodyReader | undefined;
  /** The beginning of a head whose end has not come. */
  #held: Buffer | undefined;
  #heldBytes = 0;
  #isStartLineSeen = false;
  #isSwitched = false;

  constructor(listener: MessageListener) {
    this.#listener = listener;
    this.#onContent = (chunk, start, end) => listener.content(chunk, start, end);
  }

  /** How many bytes of the chunk were HTTP: all, unless a head said `switch`. @throws HttpDoubt */
  read(chunk: Buffer): number {
    let position = 0;
    while (position < chunk.length && !this.#isSwitched) {
      if (this.#body === undefined) {
        position = this.#readHead(chunk, position);
        continue;
      }
      position = this.#body.read(chunk, position, this.#onContent);
      this.#endBody();
    }
    return position;
  }

  #readHead(chunk: Buffer, at: number): number {
    if (this.#held === undefined) {
      const end = chunk.indexOf(headEnd, at);
      if (end === -1) return this.#hold(chunk, at);
      if (end - at > maxHeadBytes) throw new HttpDoubt('a head that is too large');
      this.#takeHead(chunk.toString('latin1', at, end));
      return end + headEnd.length;
    }
    // The end may have begun with what is held.
    const before = this.#heldBytes;
    const next = this.#hold(chunk, at);
    const held = this.#held.subarray(0, this.#heldBytes);
    const end = held.indexOf(headEnd, Math.max(0, before - headEnd.length + 1));
    if (end === -1) return next;
    const text = held.toString('latin1', 0, end);
    const taken = end + headEnd.length - before;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#isStartLineSeen = false;
    this.#takeHead(text);
    return at + taken;
  }

  #hold(chunk: Buffer, at: number): number {
    const bytes = Math.min(chunk.length - at, maxHeadBytes + headEnd.length - this.#heldBytes);
    if (bytes <= 0) throw new HttpDoubt('a head that is too large');
    const needed = this.#heldBytes + bytes;
    if (this.#held === undefined || this.#held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(initialHeldBytes, 2 ** Math.ceil(Math.log2(needed))));
      this.#held?.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, at, at + bytes);
    this.#heldBytes = needed;
    this.#lookAtStartLine();
    return at + bytes;
  }

  /** Another protocol shows soon, and not by a head that never ends. */
  #lookAtStartLine(): void {
    if (this.#isStartLineSeen || this.#held === undefined) return;
    const feed = this.#held.subarray(0, this.#heldBytes).indexOf(0x0a);
    if (feed === -1) return;
    if (feed === 0 || this.#held[feed - 1] !== 0x0d) throw new HttpDoubt('a bare line feed');
    this.#isStartLineSeen = true;
    this.#listener.startLine(this.#held.toString('latin1', 0, feed - 1));
  }

  #takeHead(text: string): void {
    const framing = this.#listener.head(text);
    if (framing === 'switch') {
      this.#isSwitched = true;
      return;
    }
    if (framing.kind === 'none') {
      this.#listener.end();
      return;
    }
    this.#body = new BodyReader(framing);
  }

  #endBody(): void {
    if (this.#body?.isEnded !== true) return;
    this.#body = undefined;
    this.#listener.end();
  }
}
