import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import {
  type IpPacketReader,
  ipHeaderBytes,
  ipv6AddressesOffset,
  protocolIcmp,
  protocolIcmpV6,
  writeIpHeader,
  writeUint16,
} from './ip-packet.ts';

/**
 * ```
 *  0       1       2       3
 * | type  | code  |   checksum    |
 * | echo: identifier, sequence;  unreachable: unused, 0 |
 * | echo: data;  unreachable: the packet in question    |
 * ```
 *
 * RFC 792 and RFC 4443. The checksum of ICMPv6 covers the pseudo header too.
 */
export const icmpHeaderBytes = 8;

/** Why a destination cannot be reached: shows as EHOSTUNREACH or, for `port`, ECONNREFUSED. */
export type UnreachableKind = 'host' | 'port';

/** Bytes of the packet in question that an error quotes at most: RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4(c). */
const maxQuoteBytesV4 = 576 - 20 - icmpHeaderBytes;
const maxQuoteBytesV6 = 1_280 - 40 - icmpHeaderBytes;

/** Whether the packet is an echo request, of its family's ICMP. */
export function isEchoRequest(reader: IpPacketReader, packet: Uint8Array): boolean {
  const at = reader.transportOffset;
  if (reader.protocol !== icmpProtocol(reader.family) || at + icmpHeaderBytes > reader.end) return false;
  return packet[at] === (reader.family === 4 ? 8 : 128) && packet[at + 1] === 0;
}

/** Writes the reply to an echo request and returns its length, which is at most the request's. */
export function writeEchoReply(out: Uint8Array, reader: IpPacketReader, request: Uint8Array): number {
  const message = request.subarray(reader.transportOffset, reader.end);
  const at = writeReplyHeader(out, reader, request, message.length);
  out.set(message, at);
  out[at] = reader.family === 4 ? 0 : 129;
  return finish(out, reader.family, at, at + message.length);
}

/** Writes "destination unreachable" for a packet, in the name of the packet's destination, and returns its length. */
export function writeUnreachable(out: Uint8Array, reader: IpPacketReader, packet: Uint8Array, kind: UnreachableKind): number {
  const quoteBytes = Math.min(reader.end, reader.family === 4 ? maxQuoteBytesV4 : maxQuoteBytesV6);
  const at = writeReplyHeader(out, reader, packet, icmpHeaderBytes + quoteBytes);
  out.fill(0, at, at + icmpHeaderBytes);
  out[at] = reader.family === 4 ? 3 : 1;
  out[at + 1] = reader.family === 4 ? { host: 1, port: 3 }[kind] : { host: 3, port: 4 }[kind];
  out.set(packet.subarray(0, quoteBytes), at + icmpHeaderBytes);
  return finish(out, reader.family, at, at + icmpHeaderBytes + quoteBytes);
}

function writeReplyHeader(out: Uint8Array, reader: IpPacketReader, packet: Uint8Array, payloadBytes: number): number {
  const { addressesOffset, addressBytes } = reader;
  const source = packet.subarray(addressesOffset, addressesOffset + addressBytes);
  const destination = packet.subarray(addressesOffset + addressBytes, addressesOffset + 2 * addressBytes);
  writeIpHeader(out, { source: destination, destination: source, protocol: icmpProtocol(reader.family), payloadBytes });
  return ipHeaderBytes(addressBytes);
}

function finish(out: Uint8Array, family: 4 | 6, at: number, end: number): number {
  writeUint16(out, at + 2, 0);
  const initial = family === 4 ? 0 : pseudoHeaderSum(out, ipv6AddressesOffset, 16, protocolIcmpV6, end - at);
  writeUint16(out, at + 2, internetChecksum(out, at, end, initial));
  return end;
}

function icmpProtocol(family: 4 | 6): number {
  return family === 4 ? protocolIcmp : protocolIcmpV6;
}
