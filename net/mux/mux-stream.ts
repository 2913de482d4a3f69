import { constants } from 'node:http2';
import { Duplex } from 'node:stream';

/** What a stream needs of its connection. */
export interface MuxSender {
  /** Sends the buffers as one frame; calls back when the way has room for more. */
  sendData(stream: number, buffers: readonly Buffer[], bytes: number, callback: () => void): void;
  sendEnd(stream: number): void;
  sendReset(stream: number): void;
  sendCredit(stream: number, bytes: number): void;
  /** What is sent meanwhile may wait for so many milliseconds, to leave in one flight with more. @returns what the work does. */
  patiently<T>(patienceMs: number, work: () => T): T;
  /** @returns whether a stream may hold so many bytes more on this side. */
  takeBudget(bytes: number): boolean;
  /** The stream is gone; what its window grew by is free again. */
  forget(stream: number, budget: number): void;
}

interface Waiting {
  readonly buffers: Buffer[];
  readonly callback: (error?: Error | null) => void;
}

/**
 * What a sender may have on the way before it hears of a reader: 128 KiB, so that a thousand readers that stand still hold 128 MiB at
 * most. It doubles with every half window that is read, up to what carries 1.3 Gbit/s over a round trip of 12 ms.
 */
export const initialWindowBytes = 128 * 1024;
const maxWindowBytes = 2 * 1024 * 1024;

/** Smaller pieces are copied, so that one does not keep the chunk alive in which it came. */
const copiedBelowBytes = 2 * 1024;

/**
 * One stream of a multiplexed connection: half closes, resets and back-pressure of its own. `rstCode`, `aborted` and `close()` are those
 * of Node's HTTP/2 streams, so that tunnels go over both.
 */
export class MuxStream extends Duplex {
  readonly id: number;
  /** Of the side that did not open it. */
  readonly isCallee: boolean;
  readonly #sender: MuxSender;
  #rstCode: number = constants.NGHTTP2_NO_ERROR;
  #hasSentEnd = false;
  #hasReceivedEnd = false;
  #sendWindow = initialWindowBytes;
  #waiting: Waiting | undefined;
  #receiveWindow = initialWindowBytes;
  /** Bytes that the peer may still send. */
  #allowance = initialWindowBytes;

  constructor(id: number, sender: MuxSender, options: { readonly isCallee: boolean }) {
    super({ allowHalfOpen: true, highWaterMark: initialWindowBytes });
    this.id = id;
    this.isCallee = options.isCallee;
    this.#sender = sender;
  }

  /** 0 until it is cut off. */
  get rstCode(): number {
    return this.#rstCode;
  }

  get aborted(): boolean {
    return this.#rstCode !== constants.NGHTTP2_NO_ERROR;
  }

  /** What is written meanwhile may wait a moment, so that it leaves in one flight with what follows. @returns what the work does. */
  patiently<T>(patienceMs: number, work: () => T): T {
    return this.#sender.patiently(patienceMs, work);
  }

  /** Cuts it off, where it has not ended. */
  close(code: number = constants.NGHTTP2_CANCEL): void {
    if (this.destroyed) return;
    this.#rstCode = code;
    this.destroy();
  }

  /** @returns false where the peer sent more than it may. */
  receive(bytes: Buffer): boolean {
    this.#allowance -= bytes.length;
    if (this.#allowance < 0) return false;
    if (this.destroyed || this.#hasReceivedEnd) return true;
    this.push(bytes.length < copiedBelowBytes ? Buffer.from(bytes) : bytes);
    this.#grant();
    return true;
  }

  receiveEnd(): void {
    if (this.destroyed || this.#hasReceivedEnd) return;
    this.#hasReceivedEnd = true;
    this.push(null);
  }

  /** The peer, or the end of the connection, cut it off. */
  receiveReset(): void {
    this.#hasSentEnd = true;
    this.#hasReceivedEnd = true;
    this.close();
  }

  receiveCredit(bytes: number): void {
    this.#sendWindow += bytes;
    this.#sendWaiting();
  }

  override _read(): void {
    // What comes is pushed without being asked for; the window holds it up.
  }

  /** Everything that is not handed on at once is taken by this. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (chunk !== null) this.#grant();
    return chunk;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#waiting = { buffers: [chunk], callback };
    this.#sendWaiting();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#waiting = { buffers: chunks.map(({ chunk }) => chunk), callback };
    this.#sendWaiting();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#hasSentEnd = true;
    this.#sender.sendEnd(this.id);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#hasSentEnd || !this.#hasReceivedEnd) this.#sender.sendReset(this.id);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.callback(error ?? new Error('The stream was cut off'));
    this.#sender.forget(this.id, this.#receiveWindow - initialWindowBytes);
    callback(error);
  }

  /** Sends what the window allows of what waits. */
  #sendWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#sendWindow <= 0) return;
    const buffers: Buffer[] = [];
    let bytes = 0;
    let next = waiting.buffers[0];
    while (next !== undefined && bytes < this.#sendWindow) {
      const part = next.length <= this.#sendWindow - bytes ? next : next.subarray(0, this.#sendWindow - bytes);
      buffers.push(part);
      bytes += part.length;
      if (part.length === next.length) waiting.buffers.shift();
      else waiting.buffers[0] = next.subarray(part.length);
      next = waiting.buffers[0];
    }
    this.#sendWindow -= bytes;
    const isAll = next === undefined;
    if (isAll) this.#waiting = undefined;
    this.#sender.sendData(this.id, buffers, bytes, () => (isAll ? waiting.callback() : this.#sendWaiting()));
  }

  /** Allows the peer what was read since, and more where it is read at once. */
  #grant(): void {
    if (this.#hasReceivedEnd || this.destroyed) return;
    const read = this.#receiveWindow - this.#allowance - this.readableLength;
    if (read < this.#receiveWindow / 2) return;
    const growth = Math.min(this.#receiveWindow, maxWindowBytes - this.#receiveWindow);
    const grown = growth > 0 && this.#sender.takeBudget(growth) ? growth : 0;
    this.#receiveWindow += grown;
    this.#allowance += read + grown;
    this.#sender.sendCredit(this.id, read + grown);
  }
}
