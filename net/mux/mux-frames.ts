/**
 * Frames of a multiplexed connection. Each side begins with the preface; frames follow:
 *
 * ```
 *  0         4      5          8
 * +---------+------+----------+-----------------
 * | stream  | type | length   | payload
 * +---------+------+----------+-----------------
 *   4 B       1 B    3 B         length bytes        integers big-endian
 * ```
 */
export const muxPreface = Buffer.from('TDMUX/2\n');

export const frameHeaderBytes = 8;

/**
 * ```
 * data      bytes of the stream
 * open      the client begins the stream; no payload
 * end       no more data from this side; no payload
 * reset     the stream is cut off, both ways; no payload
 * credit    4 B: so many more bytes may be sent on the stream
 * ping      answered by pong; stream 0, no payload
 * pong
 * goAway    no new streams, please; stream 0, no payload
 * call      the client asks; the number in the place of the stream is the call's own; the payload is the whole question
 * answer    to the call of this number: 1 B of gRPC status, and the message, or the reason in UTF-8 where the status is not 0
 * ```
 */
export const muxType = {
  data: 0,
  open: 1,
  end: 2,
  reset: 3,
  credit: 4,
  ping: 5,
  pong: 6,
  goAway: 7,
  call: 8,
  answer: 9,
} as const;

/** What the header can say: 16 MiB less one. */
export const maxPayloadBytes = 2 ** 24 - 1;

/** Of a call or its answer: an answer of DNS has 64 KiB at most, and a name in front of each record that it was unpacked from. */
export const maxMessageBytes = 256 * 1024;

const creditBytes = 4;

/** The peer broke the rules of the connection, which is of no more use. */
export class MuxProtocolError extends Error {
  override readonly name = 'MuxProtocolError';
}

/** The peer speaks something else. */
export class MuxRefusedError extends Error {
  override readonly name = 'MuxRefusedError';
}

/** @param length of a payload that is written behind it, at most `maxPayloadBytes` */
export function frameHeader(stream: number, type: number, length = 0): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header.writeUInt32BE(stream, 0);
  header.writeUInt32BE(length, 4);
  header[4] = type;
  return header;
}

export function creditFrame(stream: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + creditBytes);
  frame.set(frameHeader(stream, muxType.credit, creditBytes));
  frame.writeUInt32BE(bytes, frameHeaderBytes);
  return frame;
}

export interface MuxFrameHandlers {
  /** A part of a stream's data: a view into the pushed chunk. */
  data(stream: number, bytes: Buffer): void;
  control(stream: number, type: number): void;
  credit(stream: number, bytes: number): void;
  /** A call or an answer, whole, in a buffer of its own. */
  message(call: number, type: number, payload: Buffer): void;
}

interface PartialMessage {
  readonly call: number;
  readonly type: number;
  readonly payload: Buffer;
  have: number;
}

/** Takes a byte stream apart into frames. Data is handed on as it comes, without waiting for the end of its frame. */
export class MuxFrameDecoder {
  readonly #handlers: MuxFrameHandlers;
  readonly #header = Buffer.alloc(frameHeaderBytes + creditBytes);
  /** Bytes of the header, or of a credit frame, that came in earlier chunks. */
  #have = 0;
  #stream = 0;
  #dataLeft = 0;
  /** A call or an answer of which a part has come. */
  #message: PartialMessage | undefined;

  constructor(handlers: MuxFrameHandlers) {
    this.#handlers = handlers;
  }

  /** @throws MuxProtocolError for a frame of a strange type or length. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, at + this.#dataLeft);
        this.#dataLeft -= end - at;
        this.#handlers.data(this.#stream, chunk.subarray(at, end));
        at = end;
      } else if (this.#message !== undefined) {
        at += this.#fill(this.#message, chunk, at);
      } else if (this.#have === 0 && chunk.length - at >= frameHeaderBytes + creditBytes) {
        at += this.#readFrame(chunk, at);
      } else {
        at += this.#collect(chunk, at);
      }
    }
  }

  /** Takes what is missing of a frame that is cut short, or may be. Returns the bytes used. */
  #collect(chunk: Buffer, at: number): number {
    const isHeaderWhole = this.#have >= frameHeaderBytes;
    const wanted = frameHeaderBytes + (isHeaderWhole ? creditBytes : 0);
    const used = chunk.copy(this.#header, this.#have, at, at + wanted - this.#have);
    this.#have += used;
    if (this.#have < wanted) return used;
    const isCredit = this.#header[4] === muxType.credit;
    if (isCredit && !isHeaderWhole) return used;
    this.#have = 0;
    this.#readFrame(this.#header, 0);
    return used;
  }

  #fill(message: PartialMessage, chunk: Buffer, at: number): number {
    const used = chunk.copy(message.payload, message.have, at);
    message.have += used;
    if (message.have < message.payload.length) return used;
    this.#message = undefined;
    this.#handlers.message(message.call, message.type, message.payload);
    return used;
  }

  /** Reads the header of a call or an answer, and all of it where it is there. Returns the bytes used. */
  #readMessage(call: number, type: number, length: number, input: Buffer, at: number): number {
    if (length > maxMessageBytes) throw new MuxProtocolError(`A message of ${length} bytes`);
    const start = at + frameHeaderBytes;
    if (input !== this.#header && input.length - start >= length) {
      this.#handlers.message(call, type, Buffer.from(input.subarray(start, start + length)));
      return frameHeaderBytes + length;
    }
    if (length === 0) this.#handlers.message(call, type, Buffer.alloc(0));
    else this.#message = { call, type, payload: Buffer.alloc(length), have: 0 };
    return frameHeaderBytes;
  }

  /** Reads a header, and a credit frame whole. Returns the bytes used. */
  #readFrame(input: Buffer, at: number): number {
    const stream = input.readUInt32BE(at);
    const type = input[at + 4];
    const length = input.readUInt32BE(at + 4) & maxPayloadBytes;
    if (type === muxType.data) {
      this.#stream = stream;
      this.#dataLeft = length;
      return frameHeaderBytes;
    }
    if (type === muxType.credit && length === creditBytes) {
      this.#handlers.credit(stream, input.readUInt32BE(at + frameHeaderBytes));
      return frameHeaderBytes + creditBytes;
    }
    if (type === muxType.call || type === muxType.answer) return this.#readMessage(stream, type, length, input, at);
    if (type === undefined || type > muxType.goAway || length !== 0) {
      throw new MuxProtocolError(`A frame of type ${type} with ${length} bytes`);
    }
    this.#handlers.control(stream, type);
    return frameHeaderBytes;
  }
}
