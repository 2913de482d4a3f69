/**
 * As much of SPDY/3.1 as a port-forward needs. The protocol is older than HTTP/2 and long retired from the web; Kubernetes goes on using it
 * between API server, kubelet and container runtime, and so does kubectl.
 *
 * ```
 * control  | 1 | version 3 (15) | type (16) |      data  | 0 | stream id (31)         |
 *          | flags (8) | length (24)        |            | flags (8) | length (24)    |
 *          | payload …                      |            | payload …                  |
 * ```
 */
export const frameHeaderBytes = 8;
export const controlType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
export const flagFin = 0x01;

export type FrameHeader =
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly length: number }
  | { readonly kind: 'data'; readonly streamId: number; readonly flags: number; readonly length: number };

/** Reads the eight bytes in front of every frame. */
export function readFrameHeader(bytes: Buffer): FrameHeader {
  const first = bytes.readUInt32BE(0);
  const flags = bytes[4] ?? 0;
  const length = bytes.readUIntBE(5, 3);
  if (first >= 0x8000_0000) return { kind: 'control', type: first & 0xffff, flags, length };
  return { kind: 'data', streamId: first, flags, length };
}

/** An empty stored block: makes a reader hand out what it has decoded instead of waiting for more. */
const syncFlush = Buffer.from('000000ffff', 'hex');

/** What goes in front of data. */
export function dataHeader(streamId: number, length: number, flags = 0): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header.writeUInt32BE(streamId, 0);
  header[4] = flags;
  header.writeUIntBE(length, 5, 3);
  return header;
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header.writeUInt32BE(0x8003_0000 + type, 0);
  header[4] = flags;
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

/**
 * Opens a stream. The header block of all SYN_STREAM frames of a connection is one zlib stream; ours consists of stored blocks, which need no
 * compressor and no dictionary (a reader ignores its dictionary where the stream does not ask for one).
 *
 * ```
 * stream id (32) | associated (32) | priority, slot (16) | [78 01] 00 length ~length block 00 0000 ffff
 *                                   block: count (32) { length (32) name, length (32) value }
 * ```
 *
 * @param isFirst whether it is the connection's first, which begins the zlib stream
 */
export function synStream(
  streamId: number,
  headers: Readonly<Record<string, string>>,
  options: { readonly isFirst: boolean; readonly flags?: number },
): Buffer {
  const entries = Object.entries(headers);
  const block = Buffer.concat([
    uint32(entries.length),
    ...entries.flatMap((pair) => pair.flatMap((text) => [uint32(Buffer.byteLength(text)), Buffer.from(text)])),
  ]);
  const stored = Buffer.alloc(5);
  stored.writeUInt16LE(block.length, 1);
  stored.writeUInt16LE(~block.length & 0xffff, 3);
  const zlibHeader = options.isFirst ? Buffer.from([0x78, 0x01]) : Buffer.alloc(0);
  const payload = Buffer.concat([uint32(streamId), uint32(0), Buffer.alloc(2), zlibHeader, stored, block, syncFlush]);
  return controlFrame(controlType.synStream, options.flags ?? 0, payload);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
