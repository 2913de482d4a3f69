import type { Duplex } from 'node:stream';
import { bufferPassed } from '#base/node/passing-buffers.ts';
import { MuxCalls } from './mux-calls.ts';
import {
  creditFrame,
  frameHeader,
  MuxFrameDecoder,
  MuxProtocolError,
  MuxRefusedError,
  muxPreface,
  muxType,
} from './mux-frames.ts';
import { type MuxSender, MuxStream } from './mux-stream.ts';

/** By which the windows of a connection's streams may grow, together. */
const growthBytes = 32 * 1024 * 1024;

/** Data of this much has nothing to gain from waiting for more. */
const promptBytes = 16 * 1024;

/** A peer that opens more is no peer of ours: a laptop has 28,000 source ports for each destination. */
const maxStreams = 100_000;

export interface KeepAliveTiming {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

export interface MuxServerOptions {
  readonly onStream: (stream: MuxStream) => void;
  /** Answers calls; what it throws is what the caller's call fails with. Where absent every call is `unimplemented`. */
  readonly onCall?: ((question: Buffer) => Promise<Uint8Array>) | undefined;
}

/**
 * Many streams over one byte stream, for peers that are both of this product: an eight-byte header in front of what is sent, and nothing is
 * copied. A stream costs a frame to open; each has a window of its own (see `MuxStream`), and the byte stream's own back-pressure holds up
 * all of them.
 */
export class MuxConnection implements MuxSender {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #io: Duplex;
  readonly #onStream: ((stream: MuxStream) => void) | undefined;
  readonly #streams = new Map<number, MuxStream>();
  readonly #pongs: (() => void)[] = [];
  readonly #calls: MuxCalls;
  /** Writers that wait for room on the way. */
  #heldUp: (() => void)[] = [];
  #isCorked = false;
  /** Of what is being written; `undefined` where it cannot wait. */
  #patienceMs: number | undefined;
  #flushAt: NodeJS.Immediate | undefined;
  #flushLater: NodeJS.Timeout | undefined;
  #flushLaterAt = 0;
  #budget = growthBytes;
  #lastId = 0;
  /** Somebody has said that there are to be no more streams. */
  #isLeaving = false;

  private constructor(io: Duplex, rest: Buffer, options: Partial<MuxServerOptions>) {
    this.#io = io;
    this.#onStream = options.onStream;
    this.#calls = new MuxCalls({
      send: (call, type, payload) => this.#sendMessage(call, type, payload),
      serve: options.onCall,
      onIdle: () => this.#endWhenIdle(),
    });
    this.closed = new Promise((resolve) => {
      if (io.closed) resolve();
      else io.once('close', resolve);
    });
    const decoder = new MuxFrameDecoder({
      data: (id, bytes) => this.#data(id, bytes),
      control: (id, type) => this.#control(id, type),
      credit: (id, bytes) => this.#streams.get(id)?.receiveCredit(bytes),
      message: (call, type, payload) => this.#calls.receive(call, type, payload),
    });
    const take = (chunk: Buffer) => {
      bufferPassed(chunk.length);
      try {
        decoder.push(chunk);
      } catch (error) {
        io.destroy(error instanceof Error ? error : new MuxProtocolError(String(error)));
      }
    };
    io.on('data', take);
    io.on('drain', () => this.#drained());
    io.on('error', () => undefined);
    io.once('end', () => io.destroy());
    io.once('close', () => this.#ended());
    if (rest.length > 0) take(rest);
    io.resume();
  }

  /**
   * The client's side: offers itself, and waits for the peer to do so. Ends the byte stream on failure.
   *
   * @throws MuxRefusedError where the peer speaks something else, MuxProtocolError where it ends at once, what the byte stream fails with.
   */
  static async connect(io: Duplex): Promise<MuxConnection> {
    io.write(muxPreface);
    try {
      const { isMux, head } = await readPreface(io);
      if (!isMux) throw new MuxRefusedError('The peer knows no multiplexed connections');
      return new MuxConnection(io, head, {});
    } catch (error) {
      io.destroy();
      throw error;
    }
  }

  /** The server's side, for a byte stream that began with the preface. `head` is what came behind it. */
  static serve(io: Duplex, head: Buffer, options: MuxServerOptions): MuxConnection {
    io.write(muxPreface);
    return new MuxConnection(io, head, options);
  }

  get isOpen(): boolean {
    return !this.#io.destroyed && !this.#isLeaving;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Opens a stream; what is written follows in the same flight. */
  open(): MuxStream {
    this.#lastId += 1;
    const stream = this.#add(this.#lastId, false);
    this.#write(frameHeader(stream.id, muxType.open));
    return stream;
  }

  /**
   * Asks the server. Nothing is held up: questions and answers are small.
   *
   * @throws ConnectError with the server's status; `canceled` by the signal, `unavailable` where the connection ends before the answer.
   */
  async call(question: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    return await this.#calls.ask(question, signal);
  }

  /** Resolves when the peer has answered; rejects where it does not in time. */
  async ping(timeoutMs: number): Promise<void> {
    const answered = Promise.withResolvers<void>();
    const timer = setTimeout(() => answered.reject(new Error('The peer does not answer')), timeoutMs);
    this.#pongs.push(answered.resolve);
    this.#write(frameHeader(0, muxType.ping));
    await answered.promise.finally(() => clearTimeout(timer));
  }

  /** Ends the connection when its peer no longer answers pings, and with it all of its streams. */
  keepAlive({ everyMs, timeoutMs }: KeepAliveTiming): void {
    const timer = setInterval(() => void this.ping(timeoutMs).catch(() => this.destroy()), everyMs).unref();
    void this.closed.then(() => clearInterval(timer));
  }

  /** Takes no new streams, asks the peer to open none, and ends when the last has ended and no call is under way. */
  close(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#write(frameHeader(0, muxType.goAway));
    this.#endWhenIdle();
  }

  /** Ends every stream now. */
  destroy(): void {
    this.#io.destroy();
  }

  sendData(stream: number, buffers: readonly Buffer[], bytes: number, callback: () => void): void {
    if (this.#io.destroyed || this.#io.writableEnded) return;
    bufferPassed(bytes);
    this.#write(frameHeader(stream, muxType.data, bytes));
    let hasRoom = true;
    for (const buffer of buffers) hasRoom = this.#io.write(buffer);
    if (bytes >= promptBytes) this.#flush();
    if (hasRoom) callback();
    else this.#heldUp.push(callback);
  }

  sendEnd(stream: number): void {
    this.#write(frameHeader(stream, muxType.end));
  }

  sendReset(stream: number): void {
    this.#write(frameHeader(stream, muxType.reset));
  }

  sendCredit(stream: number, bytes: number): void {
    this.#write(creditFrame(stream, bytes));
  }

  patiently<T>(patienceMs: number, work: () => T): T {
    const before = this.#patienceMs;
    this.#patienceMs = patienceMs;
    try {
      return work();
    } finally {
      this.#patienceMs = before;
    }
  }

  takeBudget(bytes: number): boolean {
    if (bytes > this.#budget) return false;
    this.#budget -= bytes;
    return true;
  }

  forget(stream: number, budget: number): void {
    this.#budget += budget;
    this.#streams.delete(stream);
    this.#endWhenIdle();
  }

  /** What is written in one turn of the event loop leaves together, of however many streams; what can wait, with the next that cannot. */
  #write(bytes: Buffer): void {
    if (this.#io.destroyed || this.#io.writableEnded) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#io.cork();
    }
    if (this.#patienceMs !== undefined) this.#flushWithin(this.#patienceMs);
    else this.#flushAt ??= setImmediate(() => this.#flush());
    this.#io.write(bytes);
  }

  #sendMessage(call: number, type: number, payload: Uint8Array): void {
    this.#write(frameHeader(call, type, payload.length));
    if (!this.#io.destroyed && !this.#io.writableEnded) this.#io.write(payload);
  }

  #flushWithin(ms: number): void {
    const at = performance.now() + ms;
    if (this.#flushLater !== undefined && this.#flushLaterAt <= at) return;
    clearTimeout(this.#flushLater);
    this.#flushLaterAt = at;
    this.#flushLater = setTimeout(() => this.#flush(), ms);
  }

  #flush(): void {
    clearImmediate(this.#flushAt);
    clearTimeout(this.#flushLater);
    this.#flushAt = undefined;
    this.#flushLater = undefined;
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#io.uncork();
  }

  #drained(): void {
    const heldUp = this.#heldUp;
    this.#heldUp = [];
    for (const callback of heldUp) callback();
  }

  #add(id: number, isCallee: boolean): MuxStream {
    const stream = new MuxStream(id, this, { isCallee });
    this.#streams.set(id, stream);
    return stream;
  }

  #data(id: number, bytes: Buffer): void {
    // Of a stream that is gone: its reset is on the way to the peer.
    const isAllowed = this.#streams.get(id)?.receive(bytes) ?? true;
    if (!isAllowed) throw new MuxProtocolError('A stream with more data than its window');
  }

  #control(id: number, type: number): void {
    switch (type) {
      case muxType.open:
        this.#opened(id);
        return;
      case muxType.end:
        this.#streams.get(id)?.receiveEnd();
        return;
      case muxType.reset:
        this.#streams.get(id)?.receiveReset();
        return;
      case muxType.ping:
        this.#write(frameHeader(0, muxType.pong));
        return;
      case muxType.pong:
        this.#pongs.shift()?.();
        return;
      default:
        this.#isLeaving = true;
        this.#endWhenIdle();
    }
  }

  #opened(id: number): void {
    if (this.#onStream === undefined || id <= this.#lastId) throw new MuxProtocolError(`Stream ${id} out of order`);
    this.#lastId = id;
    if (this.#isLeaving || this.#streams.size >= maxStreams) {
      this.sendReset(id);
      return;
    }
    const stream = this.#add(id, true);
    // Whoever serves it sees its failure as its end, too.
    stream.on('error', () => undefined);
    this.#onStream(stream);
  }

  /** Ends a connection that is being left once there is nothing on it; answers are sent by then. */
  #endWhenIdle(): void {
    if (this.#isLeaving && this.#streams.size === 0 && this.#calls.isIdle) this.#io.end();
  }

  #ended(): void {
    clearTimeout(this.#flushLater);
    for (const stream of this.#streams.values()) stream.receiveReset();
    this.#calls.end();
    this.#heldUp = [];
  }
}

/**
 * Reads as many bytes as the preface has, or fewer where they are none of it already; what follows is put back.
 *
 * @returns what was read but for the preface itself, to be read first.
 * @throws MuxProtocolError where the byte stream ends before, what it fails with.
 */
export async function readPreface(io: Duplex): Promise<{ readonly isMux: boolean; readonly head: Buffer }> {
  const found = Promise.withResolvers<{ readonly isMux: boolean; readonly head: Buffer }>();
  let input: Buffer = Buffer.alloc(0);
  const take = (chunk: Buffer) => {
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    const start = input.subarray(0, muxPreface.length);
    const isMux = muxPreface.subarray(0, start.length).equals(start);
    if (isMux && start.length < muxPreface.length) return;
    io.pause();
    found.resolve({ isMux, head: isMux ? input.subarray(muxPreface.length) : input });
  };
  const fail = () => found.reject(new MuxProtocolError('The connection ended before it said what it is'));
  const broke = (error: Error) => found.reject(error);
  io.on('data', take).once('end', fail).once('close', fail).once('error', broke);
  try {
    return await found.promise;
  } finally {
    io.off('data', take).off('end', fail).off('close', fail).off('error', broke);
  }
}
