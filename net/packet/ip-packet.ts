import { type IpAddress, ipFromBytes } from '#base/common/ip.ts';
import { internetChecksum } from './checksum.ts';

/** Protocol numbers (IANA). */
export const protocolIcmp = 1;
export const protocolTcp = 6;
export const protocolUdp = 17;
export const protocolIcmpV6 = 58;

/** Offset of the source address in an IPv4 and an IPv6 header; the destination address follows it. */
export const ipv4AddressesOffset = 12;
export const ipv6AddressesOffset = 8;

const ipv4HeaderBytes = 20;
const ipv6HeaderBytes = 40;
const defaultHopLimit = 64;

/**
 * Reads IP headers without allocating: one reader is used for any number of packets, and its fields describe the last one that `read`
 * took. It checks all that later access relies on, so that `packet[transportOffset .. end)` is inside the bytes.
 *
 * ```
 * IPv4 (RFC 791)                                            IPv6 (RFC 8200)
 *  0       1       2       3                                 0       1       2       3
 * |4 |IHL |  TOS  | total length  |                         |6 |traffic class, flow label |
 * | identification|flags, fragment|                         |payload length |next hd|hop lim|
 * |  TTL  |protocol| header checks|                         | source address, 16 bytes ...  |
 * |        source address         |                         | destination address, 16 bytes |
 * |      destination address      |                         | extension headers ...         |
 * | options, IHL * 4 - 20 bytes   |
 * ```
 */
export class IpPacketReader {
  family: 4 | 6 = 4;
  /** Protocol of what begins at `transportOffset`, behind IPv4 options or IPv6 extension headers. */
  protocol = 0;
  transportOffset = 0;
  /** Where the packet ends by its own account; what a device delivers behind that is padding. */
  end = 0;
  /** The packet is a part of a larger one, first or later. */
  isFragment = false;

  /** @returns whether the first `length` bytes are a whole, well-formed IP packet. */
  read(packet: Uint8Array, length: number): boolean {
    if (length < ipv4HeaderBytes) return false;
    const version = (packet[0] ?? 0) >> 4;
    if (version === 4) return this.#readV4(packet, length);
    return version === 6 && this.#readV6(packet, length);
  }

  /** Offset of the source address; the destination address follows it. */
  get addressesOffset(): number {
    return this.family === 4 ? ipv4AddressesOffset : ipv6AddressesOffset;
  }

  /** Length of one address: 4 or 16. */
  get addressBytes(): number {
    return this.family === 4 ? 4 : 16;
  }

  #readV4(packet: Uint8Array, length: number): boolean {
    const headerBytes = ((packet[0] ?? 0) & 0x0f) * 4;
    const end = readUint16(packet, 2);
    if (headerBytes < ipv4HeaderBytes || end < headerBytes || end > length) return false;
    this.family = 4;
    this.protocol = packet[9] ?? 0;
    this.transportOffset = headerBytes;
    this.end = end;
    // "More fragments" or an offset; "don't fragment" (0x4000) is not of interest.
    this.isFragment = (readUint16(packet, 6) & 0x3fff) !== 0;
    return true;
  }

  #readV6(packet: Uint8Array, length: number): boolean {
    const end = ipv6HeaderBytes + readUint16(packet, 4);
    if (length < ipv6HeaderBytes || end > length) return false;
    let protocol = packet[6] ?? 0;
    let offset = ipv6HeaderBytes;
    // Hop-by-hop (0) and destination options (60) may stand before the transport header. Others keep their own protocol number and
    // are nothing that anyone here looks into: routing headers, IPsec, "no next header".
    while (protocol === 0 || protocol === 60) {
      if (offset + 8 > end) return false;
      protocol = packet[offset] ?? 0;
      offset += ((packet[offset + 1] ?? 0) + 1) * 8;
    }
    if (offset > end) return false;
    this.family = 6;
    this.protocol = protocol;
    this.transportOffset = offset;
    this.end = end;
    this.isFragment = protocol === 44;
    return true;
  }
}

/** Source address of a packet that `reader` has read. */
export function sourceIp(reader: IpPacketReader, packet: Uint8Array): IpAddress {
  return ipAt(packet, reader.addressesOffset, reader.addressBytes);
}

/** Destination address of a packet that `reader` has read. */
export function destinationIp(reader: IpPacketReader, packet: Uint8Array): IpAddress {
  return ipAt(packet, reader.addressesOffset + reader.addressBytes, reader.addressBytes);
}

export interface IpHeader {
  /** 4 or 16 bytes in network order; both addresses of the same family. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** Bytes behind the header. */
  readonly payloadBytes: number;
}

/** Length of the header that `writeIpHeader` writes: 20 or 40. */
export function ipHeaderBytes(addressBytes: number): number {
  return addressBytes === 4 ? ipv4HeaderBytes : ipv6HeaderBytes;
}

/** Writes a header without options at the start of `out`, checksum included, and returns its length. Hop limit 64, never a fragment. */
export function writeIpHeader(out: Uint8Array, header: IpHeader): number {
  const isV4 = header.source.length === 4;
  const addressesOffset = isV4 ? ipv4AddressesOffset : ipv6AddressesOffset;
  out.fill(0, 0, addressesOffset);
  out.set(header.source, addressesOffset);
  out.set(header.destination, addressesOffset + header.source.length);
  if (!isV4) {
    out[0] = 0x60;
    writeUint16(out, 4, header.payloadBytes);
    out[6] = header.protocol;
    out[7] = defaultHopLimit;
    return ipv6HeaderBytes;
  }
  out[0] = 0x45;
  writeUint16(out, 2, ipv4HeaderBytes + header.payloadBytes);
  out[6] = 0x40;
  out[8] = defaultHopLimit;
  out[9] = header.protocol;
  refreshIpv4Checksum(out);
  return ipv4HeaderBytes;
}

/** Computes the header checksum of an IPv4 packet anew, options included. */
export function refreshIpv4Checksum(packet: Uint8Array): void {
  writeUint16(packet, 10, 0);
  writeUint16(packet, 10, internetChecksum(packet, 0, ((packet[0] ?? 0) & 0x0f) * 4));
}

/** Unsigned 16-bit number in network order; 0 beyond the end. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** Unsigned 32-bit number in network order; 0 beyond the end. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x1_0000 + readUint16(bytes, offset + 2);
}

/** Writes the low 16 bits in network order. */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Writes a number modulo 2^32 in network order. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  writeUint16(bytes, offset, value >>> 16);
  writeUint16(bytes, offset + 2, value);
}

function ipAt(packet: Uint8Array, offset: number, length: number): IpAddress {
  const ip = ipFromBytes(packet.subarray(offset, offset + length));
  if (ip === undefined) throw new RangeError(`No address of ${length} bytes at ${offset} in a packet of ${packet.length} bytes`);
  return ip;
}
