import { adjustChecksum, foldSum, wordDelta } from '#net/packet/checksum.ts';
import { ipv4AddressesOffset, ipv6AddressesOffset } from '#net/packet/ip-packet.ts';
import { tcpAck, tcpChecksumOffset, tcpFin, tcpRst, tcpSequenceOffset, tcpSyn } from '#net/packet/tcp.ts';
import {
  FlowTable,
  firstNatPort,
  flowClosing,
  flowOpen,
  flowPending,
  markClusterFin,
  markEstablished,
  markLaptopFin,
  natPortsPerPeer,
} from './flow-table.ts';
import type { NatFamilyConfig } from './nat-config.ts';
import { type SharedState, slotAccepted } from './shared-state.ts';

/** How long late packets of a closed flow still find it: retransmissions of the last segments, or of a reset. */
const finLingerSeconds = 10;
const resetLingerSeconds = 2;

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Addresses, flows and packet rewriting of one address family.
 *
 * Addresses and ports of the packet are read, compared and written as words in machine order; that is also the order of the checksum
 * deltas, which are computed once for each flow.
 */
export class NatFamily {
  readonly table: FlowTable;
  readonly #config: NatFamilyConfig;
  readonly #shared: SharedState;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #addressWords: number;
  /** Word of the packet where the source address begins; the destination address follows. */
  readonly #source: number;
  readonly #destination: number;
  readonly #interface: Int32Array;
  readonly #peers: Int32Array;
  #live = 0;

  constructor(config: NatFamilyConfig, shared: SharedState, packet: Uint8Array<ArrayBuffer>) {
    this.#config = config;
    this.#shared = shared;
    this.#words = new Int32Array(packet.buffer, 0, packet.byteLength >>> 2);
    this.#halves = new Uint16Array(packet.buffer, 0, packet.byteLength >>> 1);
    const isV4 = config.interfaceAddress.length === 4;
    this.#addressWords = isV4 ? 1 : 4;
    this.#source = (isV4 ? ipv4AddressesOffset : ipv6AddressesOffset) >>> 2;
    this.#destination = this.#source + this.#addressWords;
    this.#interface = machineWords(config.interfaceAddress);
    this.#peers = machineWords(...config.peers);
    this.table = new FlowTable(this.#addressWords, config.peers.length, shared, config.slotBase);
  }

  /** Pending and open flows. */
  get liveFlows(): number {
    return this.#live;
  }

  sharedSlot(slot: number): number {
    return this.#config.slotBase + slot;
  }

  sharedState(slot: number): number {
    return this.#shared.slotState(this.sharedSlot(slot));
  }

  /** Index of the peer that the packet is addressed to, or -1. */
  peerOfDestination(): number {
    for (let peer = 0; peer < this.#config.peers.length; peer += 1) {
      if (this.#hasAddress(this.#destination, this.#peers, peer * this.#addressWords)) return peer;
    }
    return -1;
  }

  /** Whether the packet comes from the listener. */
  isFromListener(transport: number): boolean {
    if (!this.#hasAddress(this.#source, this.#interface, 0)) return false;
    return machinePort(this.#halves[transport >>> 1] ?? 0) === this.#config.listenerPort;
  }

  /** Slot of the packet's 4-tuple, or -1. */
  find(transport: number): number {
    return this.table.find(this.#words, this.#source, transport >>> 2);
  }

  /** Slot of the NAT port that the packet is addressed to, or -1. */
  slotOfDestinationPort(peer: number, transport: number): number {
    const port = machinePort(this.#halves[(transport >>> 1) + 1] ?? 0);
    return port < firstNatPort ? -1 : peer * natPortsPerPeer + port - firstNatPort;
  }

  /** Whether the SYN in the packet is the one that the flow began with. */
  isSynOf(slot: number, transport: number): boolean {
    return this.table.sequence[slot] === this.#words[(transport + tcpSequenceOffset) >>> 2];
  }

  /** Begins a flow with the SYN in the packet, or returns -1 where no slot is free. */
  open(transport: number, deadline: number): number {
    const { table } = this;
    const ports = transport >>> 2;
    const slot = table.insert(this.#words, this.#source, ports);
    if (slot < 0) return -1;
    this.#live += 1;
    table.sequence[slot] = this.#words[(transport + tcpSequenceOffset) >>> 2] ?? 0;
    table.deadline[slot] = deadline;
    const peer = this.#peerWord(slot);
    let addresses = 0;
    for (let word = 0; word < this.#addressWords; word += 1) {
      addresses += wordDelta(this.#words[this.#source + word] ?? 0, this.#peers[peer + word] ?? 0);
      addresses += wordDelta(this.#words[this.#destination + word] ?? 0, this.#interface[word] ?? 0);
    }
    table.ipDelta[slot] = foldSum(addresses);
    table.tcpDelta[slot] = foldSum(addresses + wordDelta(this.#words[ports] ?? 0, this.#portsToListener(slot)));
    return slot;
  }

  /** Whether packets of the flow pass: it is open, or the connection thread has accepted it. */
  isPassing(slot: number): boolean {
    if (this.table.phase[slot] !== flowPending) return true;
    if (this.sharedState(slot) !== slotAccepted) return false;
    this.table.phase[slot] = flowOpen;
    return true;
  }

  /** Notes what a passing packet means for the life of its flow. */
  observe(slot: number, flags: number, isFromProgram: boolean, nowSeconds: number, idleSeconds: number): void {
    const { table } = this;
    if (table.phase[slot] === flowClosing) return;
    let marks = table.marks[slot] ?? 0;
    if ((flags & tcpFin) !== 0) marks |= isFromProgram ? markLaptopFin : markClusterFin;
    if (isFromProgram && (flags & (tcpAck | tcpSyn | tcpRst)) === tcpAck) marks |= markEstablished;
    table.marks[slot] = marks;
    const isReset = (flags & tcpRst) !== 0;
    const isFinished = (marks & markLaptopFin) !== 0 && (marks & markClusterFin) !== 0;
    if (isReset || isFinished) {
      table.phase[slot] = flowClosing;
      this.#live -= 1;
      table.deadline[slot] = nowSeconds + (isReset ? resetLingerSeconds : finLingerSeconds);
    } else {
      table.deadline[slot] = nowSeconds + idleSeconds;
    }
  }

  remove(slot: number): void {
    if (this.table.phase[slot] !== flowClosing) this.#live -= 1;
    this.table.remove(slot);
  }

  /** Rewrites the packet from a program so that it goes from the flow's peer and NAT port to the listener. */
  redirectToListener(slot: number, transport: number): void {
    const peer = this.#peerWord(slot);
    for (let word = 0; word < this.#addressWords; word += 1) {
      this.#words[this.#source + word] = this.#peers[peer + word] ?? 0;
      this.#words[this.#destination + word] = this.#interface[word] ?? 0;
    }
    this.#words[transport >>> 2] = this.#portsToListener(slot);
    this.#adjustChecksums(transport, this.table.ipDelta[slot] ?? 0, this.table.tcpDelta[slot] ?? 0);
  }

  /** Rewrites the packet from the listener so that it goes from the cluster's address to the program. */
  redirectToProgram(slot: number, transport: number): void {
    const { keys, keyWords } = this.table;
    const key = slot * keyWords;
    for (let word = 0; word < this.#addressWords; word += 1) {
      this.#words[this.#source + word] = keys[key + this.#addressWords + word] ?? 0;
      this.#words[this.#destination + word] = keys[key + word] ?? 0;
    }
    const ports = keys[key + keyWords - 1] ?? 0;
    this.#words[transport >>> 2] = (ports << 16) | (ports >>> 16);
    this.#adjustChecksums(transport, 0xffff - (this.table.ipDelta[slot] ?? 0), 0xffff - (this.table.tcpDelta[slot] ?? 0));
  }

  #adjustChecksums(transport: number, ipDelta: number, tcpDelta: number): void {
    const tcpChecksum = (transport + tcpChecksumOffset) >>> 1;
    this.#halves[tcpChecksum] = adjustChecksum(this.#halves[tcpChecksum] ?? 0, tcpDelta);
    // Only the IPv4 header has a checksum of its own, in bytes 10 and 11.
    if (this.#addressWords === 1) this.#halves[5] = adjustChecksum(this.#halves[5] ?? 0, ipDelta);
  }

  #hasAddress(at: number, addresses: Int32Array, offset: number): boolean {
    for (let word = 0; word < this.#addressWords; word += 1) {
      if (this.#words[at + word] !== addresses[offset + word]) return false;
    }
    return true;
  }

  #peerWord(slot: number): number {
    return Math.floor(slot / natPortsPerPeer) * this.#addressWords;
  }

  #portsToListener(slot: number): number {
    const source = machinePort(firstNatPort + (slot % natPortsPerPeer));
    const destination = machinePort(this.#config.listenerPort);
    return isLittleEndian ? source | (destination << 16) : (source << 16) | destination;
  }
}

/** A port as a number from its half word in machine order, and back. */
function machinePort(port: number): number {
  return isLittleEndian ? ((port & 0xff) << 8) | (port >>> 8) : port;
}

function machineWords(...addresses: readonly Uint8Array[]): Int32Array {
  return new Int32Array(Uint8Array.from(Buffer.concat(addresses)).buffer);
}
