import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { type IpPacketReader, ipHeaderBytes, protocolUdp, readUint16, writeIpHeader, writeUint16 } from './ip-packet.ts';

/**
 * ```
 *  0       1       2       3
 * |  source port  |destination port|
 * |    length     |   checksum    |   length counts these 8 bytes too
 * ```
 */
export const udpHeaderBytes = 8;

/** Largest packet that a length field and an interface of MTU 65,535 carry. */
const maxPacketBytes = 65_535;

/** Largest payload of a datagram over the address family: 65,507 or 65,487 bytes, since an IPv6 packet has the longer header. */
export function maxUdpPayloadBytes(addressBytes: number): number {
  return maxPacketBytes - ipHeaderBytes(addressBytes) - udpHeaderBytes;
}

export interface UdpDatagram {
  /** 4 or 16 bytes in network order; both addresses of the same family. */
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
  /** At most `maxUdpPayloadBytes`. */
  readonly payload: Uint8Array;
}

/** Writes a whole packet with one datagram at the start of `out` and returns its length. */
export function writeUdpPacket(out: Uint8Array, datagram: UdpDatagram): number {
  const { source, destination, payload } = datagram;
  const length = udpHeaderBytes + payload.length;
  const at = writeIpHeader(out, { source, destination, protocol: protocolUdp, payloadBytes: length });
  writeUint16(out, at, datagram.sourcePort);
  writeUint16(out, at + 2, datagram.destinationPort);
  writeUint16(out, at + 4, length);
  writeUint16(out, at + 6, 0);
  out.set(payload, at + udpHeaderBytes);
  const addresses = source.length === 4 ? 12 : 8;
  const checksum = internetChecksum(out, at, at + length, pseudoHeaderSum(out, addresses, source.length, protocolUdp, length));
  // Zero means "no checksum" in IPv4 and is forbidden in IPv6: RFC 768 sends its other representation.
  writeUint16(out, at + 6, checksum === 0 ? 0xffff : checksum);
  return at + length;
}

/** Where the payload of the datagram ends, or `undefined` where its length field does not fit the packet. */
export function udpPayloadEnd(reader: IpPacketReader, packet: Uint8Array): number | undefined {
  const at = reader.transportOffset;
  if (at + udpHeaderBytes > reader.end) return undefined;
  const length = readUint16(packet, at + 4);
  return length < udpHeaderBytes || at + length > reader.end ? undefined : at + length;
}
