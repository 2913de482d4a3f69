import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * The gRPC API of the stock, by hand since it is two fields:
 *
 * ```
 * service shop.Stock { rpc Count(CountRequest) returns (CountReply); }
 * message CountRequest { string product = 1; }
 * message CountReply { int32 count = 1; }
 * ```
 */
export const countPath = '/shop.Stock/Count';

/** Length-prefixed message of gRPC over HTTP/2: a flag for compression, four bytes of length. */
const prefixBytes = 5;

export function encodeCountRequest(product: string): Buffer {
  return framed(new BinaryWriter().tag(1, WireType.LengthDelimited).string(product).finish());
}

export function decodeCountRequest(frame: Buffer): string {
  const reader = messageOf(frame);
  let product = '';
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) product = reader.string();
    else reader.skip(type);
  }
  return product;
}

export function encodeCountReply(count: number): Buffer {
  return framed(new BinaryWriter().tag(1, WireType.Varint).int32(count).finish());
}

export function decodeCountReply(frame: Buffer): number {
  const reader = messageOf(frame);
  let count = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) count = reader.int32();
    else reader.skip(type);
  }
  return count;
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(prefixBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

function messageOf(frame: Buffer): BinaryReader {
  return new BinaryReader(frame.subarray(prefixBytes, prefixBytes + frame.readUInt32BE(1)));
}
