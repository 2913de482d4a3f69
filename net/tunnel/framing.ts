import { TunnelProtocolError, tunnelCode } from './tunnel-code.ts';
import { uvarintLength, writeUvarint } from './uvarint.ts';

/**
 * A tunnel message on the wire is a gRPC message that holds a protobuf with one bytes field:
 *
 * ```
 *  0   1        5    6               n
 * +---+--------+----+---------------+------+-----------------
 * | 0 | length | 0a | uvarint size  | code | rest of payload
 * +---+--------+----+---------------+------+-----------------
 *  ^ not compressed   ^ field 1       |<----- size bytes ---->
 *      |<--- 4 B, big-endian; counts from 0a on ------------>
 * ```
 */
const grpcPrefixBytes = 5;
const payloadTag = 0x0a;

/** gRPC's default limit for a received message, which other programs keep: 4 MiB. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** What goes in front of the rest of a payload of `restBytes`. */
export function encodeHeader(code: number, restBytes: number): Buffer {
  const size = restBytes + 1;
  const sizeBytes = uvarintLength(size);
  const header = Buffer.allocUnsafe(grpcPrefixBytes + 1 + sizeBytes + 1);
  header[0] = 0;
  header.writeUInt32BE(1 + sizeBytes + size, 1);
  header[grpcPrefixBytes] = payloadTag;
  header[writeUvarint(header, grpcPrefixBytes + 1, size)] = code;
  return header;
}

/** A whole message, for all but bulk data. */
export function encodeMessage(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([encodeHeader(code, rest.length), rest]);
}

/**
 * Bytes of the whole message that `input` begins with, `undefined` while its prefix is cut short.
 *
 * @throws TunnelProtocolError for a message above 4 MiB.
 */
export function messageLength(input: Buffer): number | undefined {
  if (input.length < grpcPrefixBytes) return undefined;
  const length = input.readUInt32BE(1);
  if (length > maxMessageBytes) throw new TunnelProtocolError(`A tunnel message of ${length} bytes`);
  return grpcPrefixBytes + length;
}

export interface FrameHandlers {
  /** A part of the bytes of a connection, or a whole datagram. A view into the pushed chunk where possible. */
  data(bytes: Buffer): void;
  /** A whole message of any other code. */
  control(code: number, rest: Buffer): void;
}

/**
 * Takes a byte stream apart into tunnel messages. Data of a byte stream is handed on as it comes, without waiting for the end of its
 * message; datagrams and control messages are collected. Unknown fields of the protobuf are skipped.
 */
export class FrameDecoder {
  readonly #handlers: FrameHandlers;
  readonly #wholeData: boolean;
  /** Bytes of the header, or of a message that is collected, that came in earlier chunks. */
  #pending: Buffer | undefined;
  /** Data bytes of the message under way that can be passed on. */
  #dataLeft = 0;
  /** Bytes behind the payload of the message under way. */
  #skipLeft = 0;

  constructor(handlers: FrameHandlers, options: { readonly datagrams: boolean }) {
    this.#handlers = handlers;
    this.#wholeData = options.datagrams;
  }

  /** Whether the input so far ends between two messages. */
  get isAtBoundary(): boolean {
    return this.#pending === undefined && this.#dataLeft === 0 && this.#skipLeft === 0;
  }

  /** @throws TunnelProtocolError for compression, a message above 4 MiB or a malformed protobuf. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, at + this.#dataLeft);
        this.#dataLeft -= end - at;
        this.#handlers.data(chunk.subarray(at, end));
        at = end;
      } else if (this.#skipLeft > 0) {
        const end = Math.min(chunk.length, at + this.#skipLeft);
        this.#skipLeft -= end - at;
        at = end;
      } else {
        const rest = at === 0 ? chunk : chunk.subarray(at);
        const input = this.#pending === undefined ? rest : Buffer.concat([this.#pending, rest]);
        const used = this.#readMessage(input);
        if (used === 0) {
          this.#pending = input;
          return;
        }
        at = chunk.length - (input.length - used);
        this.#pending = undefined;
      }
    }
  }

  /** Reads a header, and the whole message where it has to be whole. Returns the bytes used, 0 where more are needed. */
  #readMessage(input: Buffer): number {
    if (input.length < grpcPrefixBytes) return 0;
    if (input[0] !== 0) throw new TunnelProtocolError('A compressed tunnel message');
    const length = input.readUInt32BE(1);
    if (length > maxMessageBytes) throw new TunnelProtocolError(`A tunnel message of ${length} bytes`);
    const end = grpcPrefixBytes + length;
    if (length === 0) return grpcPrefixBytes;
    if (input.length === grpcPrefixBytes) return 0;
    if (input[grpcPrefixBytes] !== payloadTag) {
      // A message without a payload, or with a field of a later version in front: nothing that can be acted on.
      this.#skipLeft = length;
      return grpcPrefixBytes;
    }
    const size = readSize(input, grpcPrefixBytes + 1);
    if (size === undefined) return 0;
    const payloadEnd = size.next + size.value;
    if (payloadEnd > end) throw new TunnelProtocolError('A tunnel payload longer than its message');
    if (size.value === 0) {
      this.#skipLeft = end - payloadEnd;
      return payloadEnd;
    }
    if (input.length <= size.next) return 0;
    const code = input[size.next] ?? 0;
    if (code === tunnelCode.data && !this.#wholeData) {
      this.#dataLeft = size.value - 1;
      this.#skipLeft = end - payloadEnd;
      return size.next + 1;
    }
    if (input.length < payloadEnd) return 0;
    this.#skipLeft = end - payloadEnd;
    const rest = input.subarray(size.next + 1, payloadEnd);
    if (code === tunnelCode.data) this.#handlers.data(rest);
    else this.#handlers.control(code, rest);
    return payloadEnd;
  }
}

/** A size of at most 4 bytes, which 4 MiB fits in; `undefined` where it is cut short. */
function readSize(input: Buffer, offset: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 4; index += 1) {
    const byte = input[offset + index];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * index);
    if (byte < 128) return { value, next: offset + index + 1 };
  }
  throw new TunnelProtocolError('A tunnel payload above 4 MiB');
}
