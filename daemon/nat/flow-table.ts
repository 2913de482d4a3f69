import { type SharedState, slotIdle, slotPending } from './shared-state.ts';

/** Ports of one peer address that flows are mapped to: all but the privileged ones. */
export const firstNatPort = 1_024;
export const natPortsPerPeer = 65_536 - firstNatPort;

/**
 * Where a flow stands, as the packet thread sees it.
 *
 * ```
 * free ──SYN──► pending ──accepted──► open ──RST, or FIN both ways──► closing ──linger──► free
 *                  └──rejected, abandoned──► free    └──idle──► free
 * ```
 */
export const flowFree = 0;
export const flowPending = 1;
export const flowOpen = 2;
export const flowClosing = 3;

/** Bits of `FlowTable.marks`. */
export const markLaptopFin = 1;
export const markClusterFin = 2;
/** The program has acknowledged the SYN-ACK: the handshake is complete and the connection's socket tells of its end. */
export const markEstablished = 4;

const bucketCount = 1 << 15;
const none = -1;

/**
 * The TCP flows of one address family, in typed arrays indexed by slot: a lookup allocates nothing. A slot is a NAT port of a peer
 * address, so the way back needs no lookup at all. The way out goes through chained buckets over the 4-tuple.
 *
 * A key is the packet's own words in machine order, which are only compared and copied: source address, destination address, ports.
 * Slots are taken in the order in which they became free, so that the kernel's TIME_WAIT for a port of a peer (60 s) has passed when
 * the port comes up again, up to about 1,000 new flows a second for each peer.
 */
export class FlowTable {
  readonly slotCount: number;
  readonly phase: Uint8Array;
  readonly marks: Uint8Array;
  /** When the flow ends unless something happens; seconds on the caller's clock. */
  readonly deadline: Int32Array;
  /** Sequence number of the SYN, in machine order. */
  readonly sequence: Int32Array;
  /** What redirecting to the listener adds to the TCP checksum and to the IPv4 header's. */
  readonly tcpDelta: Uint16Array;
  readonly ipDelta: Uint16Array;
  /** Key words of all slots, `keyWords` each. */
  readonly keys: Int32Array;
  readonly keyWords: number;
  readonly #addressWords: number;
  readonly #shared: SharedState;
  readonly #slotBase: number;
  readonly #generation: Int32Array;
  readonly #buckets = new Int32Array(bucketCount).fill(none);
  readonly #next: Int32Array;
  readonly #freeSlots: Int32Array;
  #freeHead = 0;
  #freeCount: number;
  #used = 0;

  /** `addressWords` is 1 or 4; slot 0 is number `slotBase` in the shared state. */
  constructor(addressWords: number, peerCount: number, shared: SharedState, slotBase: number) {
    const slots = peerCount * natPortsPerPeer;
    this.slotCount = slots;
    this.keyWords = 2 * addressWords + 1;
    this.#addressWords = addressWords;
    this.#shared = shared;
    this.#slotBase = slotBase;
    this.phase = new Uint8Array(slots);
    this.marks = new Uint8Array(slots);
    this.deadline = new Int32Array(slots);
    this.sequence = new Int32Array(slots);
    this.tcpDelta = new Uint16Array(slots);
    this.ipDelta = new Uint16Array(slots);
    this.keys = new Int32Array(slots * this.keyWords);
    this.#generation = new Int32Array(slots);
    this.#next = new Int32Array(slots);
    this.#freeSlots = Int32Array.from({ length: slots }, (_, slot) => slot);
    this.#freeCount = slots;
  }

  /** Slots that are not free, closing ones included. */
  get used(): number {
    return this.#used;
  }

  generation(slot: number): number {
    return at(this.#generation, slot);
  }

  /** Slot of the 4-tuple, whose addresses begin at word `addresses` of a packet and whose ports are word `ports`, or -1. */
  find(packet: Int32Array, addresses: number, ports: number): number {
    const addressEnd = this.keyWords - 1;
    let slot = at(this.#buckets, this.#bucketOf(packet, addresses, ports));
    while (slot !== none) {
      const key = slot * this.keyWords;
      if (this.keys[key + addressEnd] === packet[ports]) {
        let word = 0;
        while (word < addressEnd && this.keys[key + word] === packet[addresses + word]) word += 1;
        if (word === addressEnd) return slot;
      }
      slot = at(this.#next, slot);
    }
    return none;
  }

  /** Takes a slot for a 4-tuple that has none, as pending, or returns -1 where all are in use. */
  insert(packet: Int32Array, addresses: number, ports: number): number {
    if (this.#freeCount === 0) return none;
    const slot = at(this.#freeSlots, this.#freeHead);
    this.#freeHead = (this.#freeHead + 1) % this.slotCount;
    this.#freeCount -= 1;
    const key = slot * this.keyWords;
    for (let word = 0; word < 2 * this.#addressWords; word += 1) this.keys[key + word] = at(packet, addresses + word);
    this.keys[key + this.keyWords - 1] = at(packet, ports);
    const bucket = this.#bucketOf(packet, addresses, ports);
    this.#next[slot] = at(this.#buckets, bucket);
    this.#buckets[bucket] = slot;
    this.phase[slot] = flowPending;
    this.marks[slot] = 0;
    const generation = at(this.#generation, slot) + 1;
    this.#generation[slot] = generation;
    this.#shared.setSlot(this.#slotBase + slot, generation, slotPending);
    this.#used += 1;
    return slot;
  }

  /** Ends the flow of a slot: its 4-tuple is unknown from now on, its slot goes to the end of the queue. */
  remove(slot: number): void {
    const bucket = this.#bucketOf(this.keys, slot * this.keyWords, slot * this.keyWords + this.keyWords - 1);
    const next = at(this.#next, slot);
    let previous = at(this.#buckets, bucket);
    if (previous === slot) {
      this.#buckets[bucket] = next;
    } else {
      while (at(this.#next, previous) !== slot) previous = at(this.#next, previous);
      this.#next[previous] = next;
    }
    this.phase[slot] = flowFree;
    this.#shared.setSlot(this.#slotBase + slot, at(this.#generation, slot), slotIdle);
    this.#freeSlots[(this.#freeHead + this.#freeCount) % this.slotCount] = slot;
    this.#freeCount += 1;
    this.#used -= 1;
  }

  #bucketOf(words: Int32Array, addresses: number, ports: number): number {
    let hash = at(words, ports);
    for (let word = 0; word < 2 * this.#addressWords; word += 1)
      hash = Math.imul(hash ^ at(words, addresses + word), 0x9e37_79b1) ^ (hash >>> 15);
    hash ^= hash >>> 16;
    return hash & (bucketCount - 1);
  }
}

function at(words: Int32Array, index: number): number {
  return words[index] ?? 0;
}
