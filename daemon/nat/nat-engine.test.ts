import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ipToBytes, parseIp } from '#base/common/ip.ts';
import { silentLogger } from '#base/common/log.ts';
import { IpPacketReader, readUint16, writeUint16 } from '#net/packet/ip-packet.ts';
import {
  replaceTcpEndpoints,
  type TcpSegment,
  tcpAck,
  tcpFin,
  tcpFlagsOffset,
  tcpPsh,
  tcpRst,
  tcpSyn,
  writeTcpPacket,
} from '#net/packet/tcp.ts';
import { writeUdpPacket } from '#net/packet/udp.ts';
import { EventBatch, type NatEvent, readEvents } from './event-batch.ts';
import { firstNatPort } from './flow-table.ts';
import { natConfig, slotCountOf } from './nat-config.ts';
import { NatEngine, type Verdict, verdictDrop, verdictForward, verdictReply } from './nat-engine.ts';
import { SharedState, slotAccepted, slotRejected } from './shared-state.ts';

const listenerPort = 19_000;
const addresses = {
  4: { laptop: bytes('198.18.0.1'), peer: bytes('198.18.0.2'), cluster: bytes('10.96.0.10'), container: bytes('172.17.0.2') },
  6: { laptop: bytes('fd5e::1'), peer: bytes('fd5e::2'), cluster: bytes('fd96::10'), container: bytes('fd17::2') },
} as const;

function bytes(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`Not an address: ${text}`);
  return ipToBytes(ip);
}

/** An engine with the packets of one family's program and listener at hand. */
class Bench {
  readonly shared: SharedState;
  readonly engine: NatEngine;
  readonly #batches: ArrayBuffer[] = [];
  readonly #events: EventBatch;
  readonly #family: 4 | 6;
  now = 1;

  constructor(family: 4 | 6, maxTcpFlows = 100) {
    this.#family = family;
    const config = natConfig({
      tunFd: -1,
      ipv4: { interfaceAddress: '198.18.0.1', peers: ['198.18.0.2'] },
      ipv6: { interfaceAddress: 'fd5e::1', peers: ['fd5e::2'] },
      listenerPortV4: listenerPort,
      listenerPortV6: listenerPort,
      maxTcpFlows,
      logger: silentLogger,
    });
    this.shared = new SharedState(slotCountOf(config));
    this.#events = new EventBatch((batch) => this.#batches.push(batch));
    this.engine = new NatEngine(config, this.shared, this.#events);
  }

  get a() {
    return addresses[this.#family];
  }

  /** Handles a packet from the program. */
  program(flags: number, extra: Partial<TcpSegment> = {}): Verdict {
    return this.#handle({
      source: this.a.laptop,
      sourcePort: 40_000,
      destination: this.a.cluster,
      destinationPort: 80,
      flags,
      ...extra,
    });
  }

  /** Handles a packet from the listener to a NAT port. */
  listener(natPort: number, flags: number, extra: Partial<TcpSegment> = {}): Verdict {
    const { laptop, peer } = this.a;
    return this.#handle({
      source: laptop,
      sourcePort: listenerPort,
      destination: peer,
      destinationPort: natPort,
      flags,
      ...extra,
    });
  }

  /** Opens a flow and accepts it; returns its NAT port. */
  open(extra: Partial<TcpSegment> = {}): number {
    expect(this.program(tcpSyn, extra)).toBe(verdictDrop);
    const event = this.takeEvents().find(({ kind }) => kind === 'flow-opened');
    if (event === undefined) throw new Error('No flow was opened');
    expect(this.shared.decide(event.slot, event.generation, slotAccepted)).toBe(true);
    expect(this.program(tcpSyn, extra)).toBe(verdictForward);
    return readUint16(this.engine.packet, this.transport);
  }

  takeEvents(): NatEvent[] {
    this.#events.flush();
    return this.#batches.splice(0).flatMap((batch) => Array.from(readEvents(batch)));
  }

  get transport(): number {
    return this.#family === 4 ? 20 : 40;
  }

  /** Ports and flags of a packet. */
  summary(packet: Uint8Array): readonly (number | undefined)[] {
    return [readUint16(packet, this.transport), readUint16(packet, this.transport + 2), packet[this.transport + tcpFlagsOffset]];
  }

  #handle(segment: Omit<TcpSegment, 'sequence' | 'acknowledgement'> & Partial<TcpSegment>): Verdict {
    const length = writeTcpPacket(this.engine.packet, { sequence: 1_000, acknowledgement: 0, ...segment });
    return this.engine.handle(length, this.now);
  }
}

describe.each([4, 6] as const)('NAT engine, IPv%i', (family) => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench(family);
  });

  it('holds the first SYN, reports it whole, and drops its retransmissions', () => {
    expect(bench.program(tcpSyn)).toBe(verdictDrop);
    const sent = bench.engine.packet.slice(0, bench.transport + 20);
    expect(bench.program(tcpSyn)).toBe(verdictDrop);
    const events = bench.takeEvents();
    expect(events.map(({ kind }) => kind)).toEqual(['flow-opened']);
    expect(Uint8Array.from(events[0]?.packet ?? [])).toEqual(sent);
  });

  it('rewrites packets both ways exactly as with checksums computed anew', () => {
    const natPort = bench.open();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (payload, isFromProgram) => {
        const expected = new Uint8Array(256);
        const verdict = isFromProgram
          ? bench.program(tcpAck | tcpPsh, { payload })
          : bench.listener(natPort, tcpAck, { payload });
        expect(verdict).toBe(verdictForward);
        const length = bench.transport + 20 + payload.length;
        expected.set(bench.engine.packet.subarray(0, length));
        const reader = new IpPacketReader();
        expect(reader.read(expected, length)).toBe(true);
        const { laptop, peer, cluster } = bench.a;
        const toListener = { source: peer, sourcePort: natPort, destination: laptop, destinationPort: listenerPort };
        const toProgram = { source: cluster, sourcePort: 80, destination: laptop, destinationPort: 40_000 };
        replaceTcpEndpoints(expected, reader, isFromProgram ? toListener : toProgram);
        expect(bench.engine.packet.subarray(0, length)).toEqual(expected.subarray(0, length));
      }),
    );
  });

  it('keeps flows from other hosts apart, such as containers behind the laptop', () => {
    const first = bench.open();
    const second = bench.open({ source: bench.a.container });
    expect(second).not.toBe(first);
    expect(bench.listener(second, tcpAck)).toBe(verdictForward);
    const at = family === 4 ? 16 : 24;
    expect(bench.engine.packet.slice(at, at + bench.a.container.length)).toEqual(bench.a.container);
  });

  it('lets nothing through to the listener before the flow is accepted', () => {
    bench.program(tcpSyn);
    expect(bench.program(tcpAck)).toBe(verdictDrop);
    expect(bench.listener(firstNatPort, tcpAck)).toBe(verdictReply);
  });

  it('begins a new flow with a new port for a SYN with another number, and tells that the old one is gone', () => {
    const first = bench.open();
    bench.program(tcpAck);
    const second = bench.open({ sequence: 2_000 });
    expect(second).not.toBe(first);
    // What the listener still says to the old one is answered for the program, and does not reach it.
    expect(bench.listener(first, tcpAck | tcpFin)).toBe(verdictReply);
    expect(bench.summary(bench.engine.reply)).toEqual([first, listenerPort, tcpRst]);
    expect(bench.program(tcpAck)).toBe(verdictForward);
    expect(readUint16(bench.engine.packet, bench.transport)).toBe(second);
  });

  it('does so after the cluster closed first, at once and without noise', () => {
    const first = bench.open();
    bench.program(tcpAck);
    bench.listener(first, tcpAck | tcpFin);
    bench.program(tcpAck | tcpFin);
    bench.listener(first, tcpAck);
    bench.program(tcpSyn, { sequence: 2_000 });
    expect(bench.takeEvents().map(({ kind }) => kind)).toEqual(['flow-opened']);
  });

  it('reports a pending flow whose program gave up as gone; a late decision finds it so', () => {
    bench.program(tcpSyn);
    const [opened] = bench.takeEvents();
    bench.program(tcpRst | tcpAck);
    const [gone] = bench.takeEvents();
    expect([gone?.kind, gone?.slot, gone?.generation]).toEqual(['flow-gone', opened?.slot, opened?.generation]);
    expect(bench.shared.decide(opened?.slot ?? 0, opened?.generation ?? 0, slotAccepted)).toBe(false);
  });

  it('takes a SYN after a rejection as a new attempt', () => {
    bench.program(tcpSyn);
    const [opened] = bench.takeEvents();
    bench.shared.decide(opened?.slot ?? 0, opened?.generation ?? 0, slotRejected);
    bench.program(tcpSyn);
    expect(bench.takeEvents().map(({ kind }) => kind)).toEqual(['flow-opened']);
  });

  it('forgets a pending flow after half a minute and an idle one after two hours, and says so', () => {
    bench.open();
    bench.program(tcpAck);
    bench.program(tcpSyn, { sourcePort: 40_001 });
    bench.takeEvents();
    bench.engine.expire(30);
    expect(bench.engine.liveFlows).toBe(2);
    bench.engine.expire(31);
    expect(bench.engine.liveFlows).toBe(1);
    bench.engine.expire(7_200);
    expect(bench.engine.liveFlows).toBe(1);
    bench.engine.expire(7_201);
    expect(bench.engine.liveFlows).toBe(0);
    expect(bench.takeEvents().map(({ kind }) => kind)).toEqual(['flow-gone', 'flow-gone']);
  });

  it('keeps a half-closed flow, and ends one that is closed both ways after its linger', () => {
    const natPort = bench.open();
    bench.program(tcpAck | tcpFin);
    bench.engine.expire(60);
    expect(bench.listener(natPort, tcpAck)).toBe(verdictForward);
    bench.now = 60;
    bench.listener(natPort, tcpAck | tcpFin);
    expect(bench.engine.liveFlows).toBe(0);
    expect(bench.program(tcpAck)).toBe(verdictForward);
    bench.engine.expire(69);
    expect(bench.program(tcpAck)).toBe(verdictForward);
    bench.engine.expire(70);
    expect(bench.program(tcpAck)).toBe(verdictReply);
    expect(bench.takeEvents()).toEqual([]);
  });

  it('passes a reset on and ends the flow', () => {
    const natPort = bench.open();
    bench.program(tcpAck);
    expect(bench.listener(natPort, tcpRst | tcpAck)).toBe(verdictForward);
    expect(bench.engine.liveFlows).toBe(0);
    bench.engine.expire(bench.now + 2);
    expect(bench.listener(natPort, tcpAck)).toBe(verdictReply);
  });

  it('says that a flow is gone when the handshake never completed', () => {
    bench.open();
    bench.program(tcpRst);
    bench.engine.expire(bench.now + 2);
    expect(bench.takeEvents().map(({ kind }) => kind)).toEqual(['flow-gone']);
  });

  it('counts accepted flows to which the listener said nothing', () => {
    bench.program(tcpSyn);
    const [opened] = bench.takeEvents();
    bench.shared.decide(opened?.slot ?? 0, opened?.generation ?? 0, slotAccepted);
    bench.engine.expire(31);
    expect(bench.takeEvents().map(({ kind }) => kind)).toEqual(['flow-gone']);
    expect(bench.shared.counterValues().tcpUnanswered).toBe(1);
  });

  it('refuses flows beyond the limit, and takes new ones when others have closed', () => {
    const full = new Bench(family, 1);
    const natPort = full.open();
    expect(full.program(tcpSyn, { sourcePort: 40_001 })).toBe(verdictReply);
    expect(full.summary(full.engine.reply)).toEqual([80, 40_001, tcpRst | tcpAck]);
    full.listener(natPort, tcpRst);
    expect(full.program(tcpSyn, { sourcePort: 40_001 })).toBe(verdictDrop);
    expect(full.shared.counterValues().tcpFlowsRefused).toBe(1);
  });

  it('uses a port again only when all others have had their turn', () => {
    const ports = new Set<number>();
    for (let round = 0; round < 2_000; round += 1) {
      const natPort = bench.open({ sequence: round });
      expect(ports.has(natPort)).toBe(false);
      ports.add(natPort);
    }
  });

  it('answers packets of unknown connections with a reset, but not a reset', () => {
    expect(bench.program(tcpAck, { acknowledgement: 77 })).toBe(verdictReply);
    expect(bench.program(tcpRst)).toBe(verdictDrop);
  });

  it('hands datagrams over, but not those of NetBIOS', () => {
    const datagram = (destinationPort: number): void => {
      const { laptop, cluster } = bench.a;
      const payload = Buffer.from('hello');
      const length = writeUdpPacket(bench.engine.packet, {
        source: laptop,
        sourcePort: 9,
        destination: cluster,
        destinationPort,
        payload,
      });
      expect(bench.engine.handle(length, bench.now)).toBe(verdictDrop);
    };
    datagram(8_125);
    datagram(137);
    datagram(139);
    expect(bench.takeEvents().map(({ kind, packet }) => [kind, packet.subarray(-5).toString()])).toEqual([['datagram', 'hello']]);
    expect(bench.shared.counterValues().udpDropped).toBe(2);
  });

  it('drops datagrams while the connection thread is far behind', () => {
    const { laptop, cluster } = bench.a;
    bench.shared.addBytesUnderWay(9 * 1_048_576);
    const payload = new Uint8Array(1);
    const length = writeUdpPacket(bench.engine.packet, {
      source: laptop,
      sourcePort: 9,
      destination: cluster,
      destinationPort: 9,
      payload,
    });
    bench.engine.handle(length, bench.now);
    expect(bench.takeEvents()).toEqual([]);
  });
});

describe('NAT engine', () => {
  it('drops fragments, multicast and broadcast', () => {
    const bench = new Bench(4);
    const length = writeTcpPacket(bench.engine.packet, {
      source: addresses[4].laptop,
      sourcePort: 1,
      destination: addresses[4].cluster,
      destinationPort: 2,
      sequence: 0,
      acknowledgement: 0,
      flags: tcpSyn,
    });
    writeUint16(bench.engine.packet, 6, 0x2000);
    bench.engine.handle(length, 1);
    bench.program(tcpSyn, { destination: bytes('224.0.0.251') });
    bench.program(tcpSyn, { destination: bytes('255.255.255.255') });
    expect(bench.shared.counterValues()).toMatchObject({ fragments: 1, multicast: 2, tcpFlows: 0 });
  });

  it('takes the virtual subnet in class E for what it is', () => {
    const bench = new Bench(4);
    bench.program(tcpSyn, { destination: bytes('246.246.0.1') });
    expect(bench.shared.counterValues().tcpFlows).toBe(1);
  });

  it('rewrites behind IPv4 options', () => {
    const bench = new Bench(4);
    const plain = new Uint8Array(64);
    const withOptions = (flags: number): number => {
      const length = writeTcpPacket(plain, {
        source: addresses[4].laptop,
        sourcePort: 40_000,
        destination: addresses[4].cluster,
        destinationPort: 80,
        sequence: 5,
        acknowledgement: 0,
        flags,
      });
      const { packet } = bench.engine;
      packet.set(plain.subarray(0, 20));
      packet.set([0x94, 4, 0, 0], 20);
      packet.set(plain.subarray(20, length), 24);
      packet[0] = 0x46;
      writeUint16(packet, 2, length + 4);
      const reader = new IpPacketReader();
      reader.read(packet, length + 4);
      const { laptop, cluster } = addresses[4];
      replaceTcpEndpoints(packet, reader, { source: laptop, sourcePort: 40_000, destination: cluster, destinationPort: 80 });
      return length + 4;
    };
    bench.engine.handle(withOptions(tcpSyn), 1);
    const [event] = bench.takeEvents();
    bench.shared.decide(event?.slot ?? 0, event?.generation ?? 0, slotAccepted);
    const length = withOptions(tcpSyn);
    expect(bench.engine.handle(length, 1)).toBe(verdictForward);
    const actual = bench.engine.packet.slice(0, length);
    const reader = new IpPacketReader();
    reader.read(actual, length);
    const expected = actual.slice();
    const { laptop, peer } = addresses[4];
    replaceTcpEndpoints(expected, reader, {
      source: peer,
      sourcePort: firstNatPort,
      destination: laptop,
      destinationPort: listenerPort,
    });
    expect(actual).toEqual(expected);
  });

  it('survives any bytes', () => {
    const bench = new Bench(4, 10);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0x45, 0x46, 0x60, undefined),
        fc.boolean(),
        (input, first, isToPeer) => {
          if (first !== undefined && input.length > 0) input[0] = first;
          if (isToPeer && input.length >= 20) input.set(addresses[4].peer, 16);
          if (first === 0x45 && input.length >= 20) writeUint16(input, 2, input.length);
          if (first === 0x60 && input.length >= 40) writeUint16(input, 4, input.length - 40);
          bench.engine.packet.set(input);
          const verdict = bench.engine.handle(input.length, 1);
          expect([verdictDrop, verdictForward, verdictReply]).toContain(verdict);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
