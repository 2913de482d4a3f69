import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipToBytes, parseIp } from '#base/common/ip.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { isEchoRequest, writeEchoReply, writeUnreachable } from './icmp.ts';
import { destinationIp, IpPacketReader, readUint16, readUint32, sourceIp, writeIpHeader, writeUint16 } from './ip-packet.ts';
import {
  hasWholeTcpHeader,
  replaceTcpEndpoints,
  type TcpSegment,
  tcpAck,
  tcpFin,
  tcpFlagsOffset,
  tcpRst,
  tcpSyn,
  writeTcpPacket,
  writeTcpReset,
} from './tcp.ts';
import { maxUdpPayloadBytes, udpHeaderBytes, udpPayloadEnd, writeUdpPacket } from './udp.ts';

function address(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`Not an address: ${text}`);
  return ipToBytes(ip);
}

const families = [
  { family: 4, laptop: address('198.18.0.1'), cluster: address('10.96.0.10') },
  { family: 6, laptop: address('fd00::1'), cluster: address('fd96::10') },
] as const;

function readerOf(packet: Uint8Array, length = packet.length): IpPacketReader {
  const reader = new IpPacketReader();
  expect(reader.read(packet, length)).toBe(true);
  return reader;
}

/** 0 where the transport checksum of a packet is right: the sum over everything, checksum included, is all ones. */
function transportResidue(packet: Uint8Array, length: number): number {
  const reader = readerOf(packet, length);
  const at = reader.transportOffset;
  const pseudo = pseudoHeaderSum(packet, reader.addressesOffset, reader.addressBytes, reader.protocol, reader.end - at);
  return internetChecksum(packet, at, reader.end, reader.protocol === 1 ? 0 : pseudo);
}

function headerResidue(packet: Uint8Array): number {
  return readerOf(packet).family === 4 ? internetChecksum(packet, 0, ((packet[0] ?? 0) & 0x0f) * 4) : 0;
}

describe('IpPacketReader', () => {
  it('reads a packet with IPv4 options and padding behind it', () => {
    const packet = new Uint8Array(64);
    packet.set([0x46, 0, 0, 44]);
    packet[9] = 6;
    const reader = readerOf(packet);
    expect([reader.family, reader.protocol, reader.transportOffset, reader.end, reader.isFragment]).toEqual([
      4,
      6,
      24,
      44,
      false,
    ]);
  });

  it('walks over hop-by-hop and destination options of IPv6', () => {
    const packet = new Uint8Array(40 + 8 + 16 + 20);
    packet[0] = 0x60;
    writeUint16(packet, 4, packet.length - 40);
    packet[6] = 0;
    packet.set([60, 0], 40);
    packet.set([6, 1], 48);
    const reader = readerOf(packet);
    expect([reader.family, reader.protocol, reader.transportOffset, reader.end]).toEqual([6, 6, 64, 84]);
  });

  it.each([
    ['first', 0x2000],
    ['last', 0x0001],
  ])('recognises the %s fragment', (_name, field) => {
    const packet = new Uint8Array(40);
    writeIpHeader(packet, { source: families[0].laptop, destination: families[0].cluster, protocol: 17, payloadBytes: 20 });
    writeUint16(packet, 6, field);
    expect(readerOf(packet).isFragment).toBe(true);
  });

  it.each([
    ['too short', [0x45, 0, 0, 20]],
    ['of another version', [0x55, 0, 0, 20, ...Array<number>(16).fill(0)]],
    ['with a header below five words', [0x44, 0, 0, 20, ...Array<number>(16).fill(0)]],
    ['longer than delivered', [0x45, 0, 0, 21, ...Array<number>(16).fill(0)]],
    ['shorter than its header', [0x45, 0, 0, 19, ...Array<number>(16).fill(0)]],
    ['of IPv6 with an extension beyond its end', [0x60, 0, 0, 0, 0, 0, 0, 64, ...Array<number>(32).fill(0)]],
  ])('refuses a packet %s', (_name, bytes) => {
    expect(new IpPacketReader().read(Uint8Array.from(bytes), bytes.length)).toBe(false);
  });

  it('never accepts what leads out of the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0x45, 0x46, 0x4f, 0x60), (bytes, first) => {
        if (bytes.length > 0) bytes[0] = first;
        const reader = new IpPacketReader();
        if (!reader.read(bytes, bytes.length)) return;
        expect(reader.transportOffset).toBeLessThanOrEqual(reader.end);
        expect(reader.end).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

describe.each(families)('packets of IPv$family', ({ laptop, cluster }) => {
  const syn: TcpSegment = {
    source: laptop,
    sourcePort: 40_000,
    destination: cluster,
    destinationPort: 443,
    sequence: 0xffff_ffff,
    acknowledgement: 0,
    flags: tcpSyn,
    options: Uint8Array.from([2, 4, 5, 180]),
  };

  it('have right checksums, for any segment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 99 }), fc.nat(0xffff), fc.nat(0xffff), (payload, sourcePort, destinationPort) => {
        const packet = new Uint8Array(256);
        const length = writeTcpPacket(packet, { ...syn, payload, sourcePort, destinationPort });
        expect([transportResidue(packet, length), headerResidue(packet)]).toEqual([0, 0]);
        expect(hasWholeTcpHeader(readerOf(packet, length), packet)).toBe(true);
      }),
    );
  });

  it('keep right checksums when their endpoints are replaced', () => {
    const packet = new Uint8Array(256);
    const length = writeTcpPacket(packet, syn);
    const reader = readerOf(packet, length);
    replaceTcpEndpoints(packet, reader, { source: cluster, sourcePort: 1, destination: laptop, destinationPort: 2 });
    expect([transportResidue(packet, length), headerResidue(packet)]).toEqual([0, 0]);
    expect(ipToBytes(sourceIp(reader, packet))).toEqual(cluster);
    expect(ipToBytes(destinationIp(reader, packet))).toEqual(laptop);
  });

  it('answer a SYN with a reset that acknowledges it', () => {
    const packet = new Uint8Array(128);
    const length = writeTcpPacket(packet, { ...syn, payload: Uint8Array.from([1, 2, 3]) });
    const answer = new Uint8Array(128);
    const answerLength = writeTcpReset(answer, readerOf(packet, length), packet);
    const at = readerOf(answer, answerLength).transportOffset;
    expect([readUint16(answer, at), readUint16(answer, at + 2)]).toEqual([443, 40_000]);
    // Sequence 0xffffffff, then the SYN and three bytes: the number wraps.
    expect([readUint32(answer, at + 4), readUint32(answer, at + 8), answer[at + tcpFlagsOffset]]).toEqual([
      0,
      3,
      tcpRst | tcpAck,
    ]);
    expect(transportResidue(answer, answerLength)).toBe(0);
  });

  it('answer a stray acknowledgement with a reset of its number', () => {
    const packet = new Uint8Array(128);
    const length = writeTcpPacket(packet, { ...syn, flags: tcpAck | tcpFin, acknowledgement: 0x8765_4321 });
    const answer = new Uint8Array(128);
    const answerLength = writeTcpReset(answer, readerOf(packet, length), packet);
    const at = readerOf(answer, answerLength).transportOffset;
    expect([readUint32(answer, at + 4), readUint32(answer, at + 8), answer[at + tcpFlagsOffset]]).toEqual([
      0x8765_4321,
      0,
      tcpRst,
    ]);
  });

  it('carry datagrams of every size', () => {
    const packet = new Uint8Array(65_536);
    for (const size of [0, 1, 1_400, 60_000, maxUdpPayloadBytes(laptop.length)]) {
      const payload = Uint8Array.from({ length: size }, (_, index) => index * 31);
      const length = writeUdpPacket(packet, {
        source: cluster,
        sourcePort: 53,
        destination: laptop,
        destinationPort: 9,
        payload,
      });
      const reader = readerOf(packet, length);
      const end = udpPayloadEnd(reader, packet);
      expect(packet.subarray(reader.transportOffset + udpHeaderBytes, end)).toEqual(payload);
      expect(transportResidue(packet, length)).toBe(0);
    }
  });

  it('refuse a datagram whose length does not fit', () => {
    const packet = new Uint8Array(128);
    const payload = new Uint8Array(10);
    const length = writeUdpPacket(packet, { source: cluster, sourcePort: 53, destination: laptop, destinationPort: 9, payload });
    const reader = readerOf(packet, length);
    for (const wrong of [0, 7, 19]) {
      writeUint16(packet, reader.transportOffset + 4, wrong);
      expect(udpPayloadEnd(reader, packet)).toBeUndefined();
    }
  });

  it('answer a ping with its own data', () => {
    const request = new Uint8Array(128);
    const isV4 = laptop.length === 4;
    const at = writeIpHeader(request, { source: laptop, destination: cluster, protocol: isV4 ? 1 : 58, payloadBytes: 12 });
    request.set([isV4 ? 8 : 128, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], at);
    const reader = readerOf(request, at + 12);
    expect(isEchoRequest(reader, request)).toBe(true);
    const reply = new Uint8Array(128);
    const length = writeEchoReply(reply, reader, request);
    expect(transportResidue(reply, length)).toBe(0);
    expect(reply[at]).toBe(isV4 ? 0 : 129);
    expect(reply.subarray(at + 4, length)).toEqual(request.subarray(at + 4, at + 12));
    expect(ipToBytes(sourceIp(readerOf(reply, length), reply))).toEqual(cluster);
  });

  it('quote the packet in an unreachable message, cut to the size that routers use', () => {
    const packet = new Uint8Array(4_096);
    const length = writeUdpPacket(packet, {
      source: laptop,
      sourcePort: 9,
      destination: cluster,
      destinationPort: 99,
      payload: new Uint8Array(3_000),
    });
    const answer = new Uint8Array(4_096);
    const answerLength = writeUnreachable(answer, readerOf(packet, length), packet, 'port');
    const at = readerOf(answer, answerLength).transportOffset;
    expect([answer[at], answer[at + 1]]).toEqual(laptop.length === 4 ? [3, 3] : [1, 4]);
    expect(answerLength).toBe(laptop.length === 4 ? 576 : 1_280);
    expect(answer.subarray(at + 8, answerLength)).toEqual(packet.subarray(0, answerLength - at - 8));
    expect(transportResidue(answer, answerLength)).toBe(0);
  });
});
