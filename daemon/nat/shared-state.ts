/**
 * Memory that the packet thread and the connection thread share.
 *
 * ```
 * control   Int32    stop flag, bytes of events under way
 * counters  Float64  one for each name in `natCounters`; only the packet thread writes
 * slots     Int32    one for each flow slot: generation * 4 + state
 * ```
 *
 * The packet thread blocks in system calls and never looks into a message queue. What the connection thread decides about a held SYN
 * reaches it through the flow's slot: `pending → accepted | rejected` is the connection thread's move, everything else the packet
 * thread's. The generation counts the flows of a slot, so that a late decision cannot touch the slot's next flow.
 */
export const slotIdle = 0;
export const slotPending = 1;
export const slotAccepted = 2;
export const slotRejected = 3;
export type SlotState = typeof slotIdle | typeof slotPending | typeof slotAccepted | typeof slotRejected;

/**
 * What the packet thread counts: packets, and flows where the name says so. `tcpUnanswered` are flows that were accepted and to which the
 * listener never said anything; a firewall that drops what comes in through the interface shows that way.
 */
export const natCounters = [
  'packets',
  'forwarded',
  'malformed',
  'fragments',
  'multicast',
  'unsupported',
  'misdirected',
  'tcpFlows',
  'tcpFlowsRefused',
  'tcpUnanswered',
  'tcpResets',
  'udpDatagrams',
  'udpDropped',
  'icmpEchoes',
  'writeErrors',
] as const;
export type NatCounter = (typeof natCounters)[number];

const controlStop = 0;
const controlBytesUnderWay = 1;
const controlBytes = 8;
const generationMask = 0x1fff_ffff;

export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  readonly #slots: Int32Array;

  /** Over memory of another thread, or of a new one for the number of slots. */
  constructor(source: SharedArrayBuffer | number) {
    const countersBytes = natCounters.length * Float64Array.BYTES_PER_ELEMENT;
    const slotsOffset = controlBytes + countersBytes;
    this.buffer =
      typeof source === 'number' ? new SharedArrayBuffer(slotsOffset + source * Int32Array.BYTES_PER_ELEMENT) : source;
    this.#control = new Int32Array(this.buffer, 0, 2);
    this.#counters = new Float64Array(this.buffer, controlBytes, natCounters.length);
    this.#slots = new Int32Array(this.buffer, slotsOffset);
  }

  requestStop(): void {
    Atomics.store(this.#control, controlStop, 1);
  }

  get isStopRequested(): boolean {
    return Atomics.load(this.#control, controlStop) !== 0;
  }

  /** Bytes of events that were posted and not yet handled: the packet thread drops datagrams while they are too many. */
  get bytesUnderWay(): number {
    return Atomics.load(this.#control, controlBytesUnderWay);
  }

  addBytesUnderWay(bytes: number): void {
    Atomics.add(this.#control, controlBytesUnderWay, bytes);
  }

  count(counter: NatCounter): void {
    const index = counterIndex[counter];
    this.#counters[index] = (this.#counters[index] ?? 0) + 1;
  }

  /** May be a moment old. */
  counterValues(): Record<NatCounter, number> {
    return Object.fromEntries(natCounters.map((name, index) => [name, this.#counters[index] ?? 0])) as Record<NatCounter, number>;
  }

  /** One of the `SlotState`s. */
  slotState(slot: number): number {
    return Atomics.load(this.#slots, slot) & 3;
  }

  setSlot(slot: number, generation: number, state: SlotState): void {
    Atomics.store(this.#slots, slot, slotWord(generation, state));
  }

  /** Decides about a pending flow. @returns whether it still was pending and of this generation. */
  decide(slot: number, generation: number, decision: typeof slotAccepted | typeof slotRejected): boolean {
    const pending = slotWord(generation, slotPending);
    return Atomics.compareExchange(this.#slots, slot, pending, slotWord(generation, decision)) === pending;
  }
}

const counterIndex = Object.fromEntries(natCounters.map((name, index) => [name, index])) as Record<NatCounter, number>;

function slotWord(generation: number, state: SlotState): number {
  return ((generation & generationMask) << 2) | state;
}
