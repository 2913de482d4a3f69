import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import {
  type IpPacketReader,
  protocolTcp,
  readUint16,
  readUint32,
  refreshIpv4Checksum,
  writeIpHeader,
  writeUint16,
  writeUint32,
} from './ip-packet.ts';

/**
 * Offsets in a TCP header (RFC 9293 section 3.1).
 *
 * ```
 *  0       1       2       3
 * |  source port  |destination port|
 * |        sequence number        |
 * |     acknowledgement number    |
 * |offset|0|flags |    window     |
 * |   checksum    | urgent pointer|
 * | options, offset * 4 - 20 bytes|
 * ```
 */
export const tcpSequenceOffset = 4;
export const tcpAcknowledgementOffset = 8;
export const tcpFlagsOffset = 13;
export const tcpChecksumOffset = 16;

/** Length of a TCP header without options. */
export const tcpMinimumHeaderBytes = 20;

export const tcpFin = 0x01;
export const tcpSyn = 0x02;
export const tcpRst = 0x04;
export const tcpPsh = 0x08;
export const tcpAck = 0x10;

/** Whether the TCP header and its options lie inside the packet. */
export function hasWholeTcpHeader(reader: IpPacketReader, packet: Uint8Array): boolean {
  const headerBytes = ((packet[reader.transportOffset + 12] ?? 0) >> 4) * 4;
  return headerBytes >= tcpMinimumHeaderBytes && reader.transportOffset + headerBytes <= reader.end;
}

export interface TcpSegment {
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** Default 0. */
  readonly window?: number;
  /** Whole 32-bit words, at most 40 bytes. */
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
}

/** Writes a whole packet with one segment at the start of `out` and returns its length. */
export function writeTcpPacket(out: Uint8Array, segment: TcpSegment): number {
  const optionBytes = segment.options?.length ?? 0;
  const segmentBytes = tcpMinimumHeaderBytes + optionBytes + (segment.payload?.length ?? 0);
  const at = writeIpHeader(out, {
    source: segment.source,
    destination: segment.destination,
    protocol: protocolTcp,
    payloadBytes: segmentBytes,
  });
  writeUint16(out, at, segment.sourcePort);
  writeUint16(out, at + 2, segment.destinationPort);
  writeUint32(out, at + tcpSequenceOffset, segment.sequence);
  writeUint32(out, at + tcpAcknowledgementOffset, segment.acknowledgement);
  out[at + 12] = ((tcpMinimumHeaderBytes + optionBytes) / 4) << 4;
  out[at + tcpFlagsOffset] = segment.flags;
  writeUint16(out, at + 14, segment.window ?? 0);
  writeUint32(out, at + tcpChecksumOffset, 0);
  if (segment.options !== undefined) out.set(segment.options, at + tcpMinimumHeaderBytes);
  if (segment.payload !== undefined) out.set(segment.payload, at + tcpMinimumHeaderBytes + optionBytes);
  writeUint16(out, at + tcpChecksumOffset, tcpChecksum(out, segment.source.length, at, at + segmentBytes));
  return at + segmentBytes;
}

/**
 * Writes the reset that answers a segment for which there is no connection (RFC 9293 section 3.10.7.1) and returns its length: one that
 * carries an ACK is answered with its acknowledgement number as sequence, any other with RST and ACK of all it occupies, a refused SYN
 * among them. The segment itself must not be a reset.
 */
export function writeTcpReset(out: Uint8Array, reader: IpPacketReader, packet: Uint8Array): number {
  const at = reader.transportOffset;
  const addresses = reader.addressesOffset;
  const flags = packet[at + tcpFlagsOffset] ?? 0;
  const hasAck = (flags & tcpAck) !== 0;
  const payloadBytes = reader.end - at - ((packet[at + 12] ?? 0) >> 4) * 4;
  const occupied = payloadBytes + ((flags & tcpSyn) === 0 ? 0 : 1) + ((flags & tcpFin) === 0 ? 0 : 1);
  return writeTcpPacket(out, {
    source: packet.subarray(addresses + reader.addressBytes, addresses + 2 * reader.addressBytes),
    sourcePort: readUint16(packet, at + 2),
    destination: packet.subarray(addresses, addresses + reader.addressBytes),
    destinationPort: readUint16(packet, at),
    sequence: hasAck ? readUint32(packet, at + tcpAcknowledgementOffset) : 0,
    acknowledgement: hasAck ? 0 : (readUint32(packet, at + tcpSequenceOffset) + occupied) % 2 ** 32,
    flags: hasAck ? tcpRst : tcpRst | tcpAck,
  });
}

export interface TcpEndpoints {
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
}

/** Gives a packet that `reader` has read other endpoints, of the same family, with checksums computed anew. */
export function replaceTcpEndpoints(packet: Uint8Array, reader: IpPacketReader, endpoints: TcpEndpoints): void {
  const at = reader.transportOffset;
  packet.set(endpoints.source, reader.addressesOffset);
  packet.set(endpoints.destination, reader.addressesOffset + reader.addressBytes);
  writeUint16(packet, at, endpoints.sourcePort);
  writeUint16(packet, at + 2, endpoints.destinationPort);
  writeUint16(packet, at + tcpChecksumOffset, 0);
  writeUint16(packet, at + tcpChecksumOffset, tcpChecksum(packet, reader.addressBytes, at, reader.end));
  if (reader.family === 4) refreshIpv4Checksum(packet);
}

/** Checksum of the segment `[at, end)` whose checksum field is zero, of a packet that `writeIpHeader` or a kernel made. */
export function tcpChecksum(packet: Uint8Array, addressBytes: number, at: number, end: number): number {
  const addresses = addressBytes === 4 ? 12 : 8;
  return internetChecksum(packet, at, end, pseudoHeaderSum(packet, addresses, addressBytes, protocolTcp, end - at));
}
