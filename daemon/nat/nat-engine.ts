import { isEchoRequest } from '#net/packet/icmp.ts';
import { IpPacketReader, protocolTcp, protocolUdp, readUint16 } from '#net/packet/ip-packet.ts';
import { hasWholeTcpHeader, tcpAck, tcpFlagsOffset, tcpRst, tcpSyn, writeTcpReset } from '#net/packet/tcp.ts';
import { udpPayloadEnd } from '#net/packet/udp.ts';
import type { EventBatch } from './event-batch.ts';
import { flowClosing, flowFree, flowPending, markEstablished } from './flow-table.ts';
import type { NatConfig } from './nat-config.ts';
import { NatFamily } from './nat-family.ts';
import { type NatCounter, type SharedState, slotAccepted, slotRejected } from './shared-state.ts';

/** What is to happen with the packet that was handled. */
export const verdictDrop = 0;
/** It was rewritten in place and goes back to the device. */
export const verdictForward = 1;
/** `engine.reply` goes to the device instead. */
export const verdictReply = 2;
export type Verdict = typeof verdictDrop | typeof verdictForward | typeof verdictReply;

/** Largest packet that a device of MTU 65,535 delivers. */
export const maxPacketBytes = 65_535;

const maxReplyBytes = 128;

/** Datagrams and pings are dropped while this much waits for the connection thread; TCP events are bounded by the flow table. */
const maxBytesUnderWay = 8 * 1_048_576;

/**
 * Decides about packets: pure bookkeeping without input or output, so that tests can feed it. The caller puts a packet into `packet`,
 * calls `handle`, and obeys the verdict.
 *
 * A TCP packet from a program to the cluster becomes one from a peer address to the listener, so that the laptop's kernel ends the
 * connection there; what the listener answers to the peer becomes a packet from the cluster to the program. `FlowTable` has the states.
 */
export class NatEngine {
  readonly packet = new Uint8Array(maxPacketBytes + 1);
  readonly reply = new Uint8Array(maxReplyBytes);
  replyBytes = 0;
  readonly #reader = new IpPacketReader();
  readonly #config: NatConfig;
  readonly #shared: SharedState;
  readonly #events: EventBatch;
  readonly #ipv4: NatFamily;
  readonly #ipv6: NatFamily | undefined;
  #now = 0;
  #length = 0;

  constructor(config: NatConfig, shared: SharedState, events: EventBatch) {
    this.#config = config;
    this.#shared = shared;
    this.#events = events;
    this.#ipv4 = new NatFamily(config.ipv4, shared, this.packet);
    this.#ipv6 = config.ipv6 === undefined ? undefined : new NatFamily(config.ipv6, shared, this.packet);
  }

  /** TCP flows that are pending or open. */
  get liveFlows(): number {
    return this.#ipv4.liveFlows + (this.#ipv6?.liveFlows ?? 0);
  }

  /** Handles the first `length` bytes of `packet`; `nowSeconds` is on a clock that never goes back. */
  handle(length: number, nowSeconds: number): Verdict {
    this.#now = nowSeconds;
    this.#length = length;
    this.#shared.count('packets');
    const reader = this.#reader;
    if (!reader.read(this.packet, length)) return this.#drop('malformed');
    const family = reader.family === 4 ? this.#ipv4 : this.#ipv6;
    if (family === undefined) return this.#drop('unsupported');
    if (reader.isFragment) return this.#drop('fragments');
    if (isMulticast(this.packet, reader.family)) return this.#drop('multicast');
    const peer = family.peerOfDestination();
    if (reader.protocol === protocolTcp) {
      if (!hasWholeTcpHeader(reader, this.packet)) return this.#drop('malformed');
      const flags = this.packet[reader.transportOffset + tcpFlagsOffset] ?? 0;
      return peer < 0 ? this.#fromProgram(family, flags) : this.#toPeer(family, peer, flags);
    }
    if (peer >= 0) return this.#drop('misdirected');
    if (reader.protocol === protocolUdp) return this.#takeDatagram();
    if (isEchoRequest(reader, this.packet)) return this.#takeEcho();
    return this.#drop('unsupported');
  }

  /** Ends the flows whose time is over. Call about once a second. */
  expire(nowSeconds: number): void {
    this.#now = nowSeconds;
    this.#expireFamily(this.#ipv4);
    if (this.#ipv6 !== undefined) this.#expireFamily(this.#ipv6);
  }

  #fromProgram(family: NatFamily, flags: number): Verdict {
    const { transportOffset } = this.#reader;
    const isSyn = (flags & (tcpSyn | tcpAck | tcpRst)) === tcpSyn;
    const slot = family.find(transportOffset);
    if (slot < 0) return isSyn ? this.#open(family) : this.#reset(flags);
    // A SYN with another number is another connection, whatever the old one's state: the program has closed or lost that one.
    if (isSyn && !family.isSynOf(slot, transportOffset)) return this.#reopen(family, slot);
    if (!family.isPassing(slot)) {
      if (isSyn && family.sharedState(slot) === slotRejected) return this.#reopen(family, slot);
      if ((flags & tcpRst) !== 0) this.#remove(family, slot);
      return verdictDrop;
    }
    family.observe(slot, flags, true, this.#now, this.#config.tcpIdleSeconds);
    family.redirectToListener(slot, transportOffset);
    this.#shared.count('forwarded');
    return verdictForward;
  }

  #toPeer(family: NatFamily, peer: number, flags: number): Verdict {
    const { transportOffset } = this.#reader;
    if (!family.isFromListener(transportOffset)) return this.#drop('misdirected');
    const slot = family.slotOfDestinationPort(peer, transportOffset);
    // The listener's half of a flow that is gone: the reset ends it, and frees the port, without waiting for retransmissions.
    if (slot < 0 || family.table.phase[slot] === flowFree || !family.isPassing(slot)) return this.#reset(flags);
    family.observe(slot, flags, false, this.#now, this.#config.tcpIdleSeconds);
    family.redirectToProgram(slot, transportOffset);
    this.#shared.count('forwarded');
    return verdictForward;
  }

  #open(family: NatFamily): Verdict {
    if (this.liveFlows >= this.#config.maxTcpFlows) return this.#refuse();
    const slot = family.open(this.#reader.transportOffset, this.#now + this.#config.pendingSeconds);
    if (slot < 0) return this.#refuse();
    this.#shared.count('tcpFlows');
    this.#events.append('flow-opened', family.sharedSlot(slot), family.table.generation(slot), this.packet, this.#length);
    return verdictDrop;
  }

  #reopen(family: NatFamily, slot: number): Verdict {
    this.#remove(family, slot);
    return this.#open(family);
  }

  /** Ends a flow, and tells the connection thread where that has no other way to know: no socket, or a socket that hears no more. */
  #remove(family: NatFamily, slot: number): void {
    const phase = family.table.phase[slot];
    const wasEstablished = ((family.table.marks[slot] ?? 0) & markEstablished) !== 0;
    const decision = phase === flowPending ? family.sharedState(slot) : undefined;
    const isKnown = phase === flowClosing ? wasEstablished : decision === slotRejected;
    if (decision === slotAccepted) this.#shared.count('tcpUnanswered');
    const generation = family.table.generation(slot);
    family.remove(slot);
    if (!isKnown) this.#events.append('flow-gone', family.sharedSlot(slot), generation, this.packet, 0);
  }

  #expireFamily(family: NatFamily): void {
    const { table } = family;
    if (table.used === 0) return;
    for (let slot = 0; slot < table.slotCount; slot += 1) {
      const phase = table.phase[slot];
      if (phase === flowFree) continue;
      const isRejected = phase === flowPending && family.sharedState(slot) === slotRejected;
      if (isRejected || (table.deadline[slot] ?? 0) <= this.#now) this.#remove(family, slot);
    }
  }

  #takeDatagram(): Verdict {
    const destinationPort = readUint16(this.packet, this.#reader.transportOffset + 2);
    if (udpPayloadEnd(this.#reader, this.packet) === undefined) return this.#drop('malformed');
    // NetBIOS: laptops announce themselves with it on every interface, and no cluster listens.
    const isNetbios = destinationPort >= 137 && destinationPort <= 139;
    if (isNetbios || this.#shared.bytesUnderWay > maxBytesUnderWay) return this.#drop('udpDropped');
    this.#shared.count('udpDatagrams');
    this.#events.append('datagram', 0, 0, this.packet, this.#length);
    return verdictDrop;
  }

  #takeEcho(): Verdict {
    if (this.#shared.bytesUnderWay > maxBytesUnderWay) return verdictDrop;
    this.#shared.count('icmpEchoes');
    this.#events.append('echo', 0, 0, this.packet, this.#length);
    return verdictDrop;
  }

  #refuse(): Verdict {
    this.#shared.count('tcpFlowsRefused');
    return this.#reset(tcpSyn);
  }

  /** Answers a segment that belongs to no flow, as a host without the connection does; a reset is not answered. */
  #reset(flags: number): Verdict {
    if ((flags & tcpRst) !== 0) return verdictDrop;
    this.replyBytes = writeTcpReset(this.reply, this.#reader, this.packet);
    this.#shared.count('tcpResets');
    return verdictReply;
  }

  #drop(counter: NatCounter): Verdict {
    this.#shared.count(counter);
    return verdictDrop;
  }
}

function isMulticast(packet: Uint8Array, family: 4 | 6): boolean {
  if (family === 6) return packet[24] === 0xff;
  // 224.0.0.0/4 and the broadcast address. The rest of 240.0.0.0/4 is in use, for virtual subnets.
  const first = packet[16] ?? 0;
  return (first & 0xf0) === 224 || (first === 255 && packet[17] === 255 && packet[18] === 255 && packet[19] === 255);
}
