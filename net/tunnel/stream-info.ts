import { formatIp, type IpAddress, ipFromBytes, ipToBytes } from '#base/common/ip.ts';
import { TunnelProtocolError, tunnelVersion } from './tunnel-code.ts';
import { readUvarint, uvarintLength, writeUvarint } from './uvarint.ts';

export interface Endpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

/** IANA protocol numbers. */
export type Protocol = 'tcp' | 'udp';

/**
 * The 5-tuple of a connection, which also names it.
 *
 * ```
 *   source IP | source port | destination IP | destination port | protocol
 *    4 or 16  |      2      |     4 or 16    |        2         |     1       bytes, integers big-endian
 * ```
 */
export interface ConnectionId {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly protocol: Protocol;
}

/** What the caller of a tunnel says first. */
export interface StreamInfo {
  readonly connectionId: ConnectionId;
  readonly sessionId: string;
  /** How long the callee may take to dial. */
  readonly dialTimeoutMs: number;
  /** What the caller adds to its own patience for the way there and back. */
  readonly roundtripMs: number;
}

const protocolNumbers = { tcp: 6, udp: 17 } as const;
const nanosecondsInMs = 1_000_000;

/** 13 bytes for IPv4, 37 for IPv6; where the families differ, the IPv4 address is written as an IPv4-mapped one (RFC 4291 2.5.5.2). */
export function encodeConnectionId(id: ConnectionId): Buffer {
  const size = id.source.ip.family === 4 && id.destination.ip.family === 4 ? 4 : 16;
  const source = addressBytes(id.source.ip, size);
  const destination = addressBytes(id.destination.ip, size);
  const bytes = Buffer.alloc(2 * size + 5);
  bytes.set(source, 0);
  bytes.writeUInt16BE(id.source.port, size);
  bytes.set(destination, size + 2);
  bytes.writeUInt16BE(id.destination.port, 2 * size + 2);
  bytes[2 * size + 4] = protocolNumbers[id.protocol];
  return bytes;
}

/** @throws TunnelProtocolError for a length or protocol that is none. */
export function decodeConnectionId(bytes: Buffer): ConnectionId {
  const size = bytes.length === 13 ? 4 : 16;
  if (bytes.length !== 2 * size + 5) throw new TunnelProtocolError(`A connection id of ${bytes.length} bytes`);
  const protocol = bytes[2 * size + 4];
  if (protocol !== 6 && protocol !== 17) throw new TunnelProtocolError(`Protocol ${protocol} in a connection id`);
  return {
    source: { ip: address(bytes.subarray(0, size)), port: bytes.readUInt16BE(size) },
    destination: { ip: address(bytes.subarray(size + 2, 2 * size + 2)), port: bytes.readUInt16BE(2 * size + 2) },
    protocol: protocol === 6 ? 'tcp' : 'udp',
  };
}

/**
 * ```
 * uvarint version | uvarint round trip ns | uvarint dial time-out ns | uvarint n, connection id | uvarint n, session id
 * ```
 */
export function encodeStreamInfo(info: StreamInfo): Buffer {
  const id = encodeConnectionId(info.connectionId);
  const session = Buffer.from(info.sessionId);
  const roundtrip = info.roundtripMs * nanosecondsInMs;
  const dialTimeout = info.dialTimeoutMs * nanosecondsInMs;
  const integers = [tunnelVersion, roundtrip, dialTimeout, id.length, session.length];
  const bytes = Buffer.alloc(integers.reduce((sum, value) => sum + uvarintLength(value), 0) + id.length + session.length);
  let at = writeUvarint(bytes, 0, tunnelVersion);
  at = writeUvarint(bytes, at, roundtrip);
  at = writeUvarint(bytes, at, dialTimeout);
  at = writeUvarint(bytes, at, id.length);
  at += id.copy(bytes, at);
  at = writeUvarint(bytes, at, session.length);
  session.copy(bytes, at);
  return bytes;
}

/** @throws TunnelProtocolError where a field is missing or malformed. */
export function decodeStreamInfo(bytes: Buffer): StreamInfo {
  const version = readUvarint(bytes, 0);
  const roundtrip = readUvarint(bytes, version.next);
  const dialTimeout = readUvarint(bytes, roundtrip.next);
  const id = readBytes(bytes, dialTimeout.next);
  const session = readBytes(bytes, id.next);
  return {
    connectionId: decodeConnectionId(id.value),
    sessionId: session.value.toString('utf8'),
    dialTimeoutMs: dialTimeout.value / nanosecondsInMs,
    roundtripMs: roundtrip.value / nanosecondsInMs,
  };
}

/** For logs and map keys: `tcp 198.18.0.1:40000 -> 10.96.0.1:443`. */
export function describeConnection(id: ConnectionId): string {
  return `${id.protocol} ${describeEndpoint(id.source)} -> ${describeEndpoint(id.destination)}`;
}

/** `10.0.0.1:80` or `[fd00::1]:80`. */
export function describeEndpoint(endpoint: Endpoint): string {
  const ip = formatIp(endpoint.ip);
  return endpoint.ip.family === 6 ? `[${ip}]:${endpoint.port}` : `${ip}:${endpoint.port}`;
}

function addressBytes(ip: IpAddress, size: number): Uint8Array {
  const isMapped = ip.family === 4 && size === 16;
  return ipToBytes(isMapped ? { family: 6, value: (0xffffn << 32n) | ip.value } : ip);
}

function address(bytes: Buffer): IpAddress {
  const ip = ipFromBytes(bytes);
  if (ip === undefined) throw new TunnelProtocolError('An address of a strange length');
  return ip;
}

function readBytes(bytes: Buffer, offset: number): { readonly value: Buffer; readonly next: number } {
  const length = readUvarint(bytes, offset);
  const next = length.next + length.value;
  if (next > bytes.length) throw new TunnelProtocolError('A field of stream-info is cut short');
  return { value: bytes.subarray(length.next, next), next };
}
