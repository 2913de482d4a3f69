/**
 * Events on their way from the packet thread to the connection thread: records in one buffer, which is handed over whole after each
 * burst of packets, so that a burst costs one message. Numbers are in machine order, since both ends are in one process.
 *
 * ```
 *  0        4        8        12           16
 * | kind   | slot   | gener. | n bytes    | packet, n bytes, padded to a multiple of 4 | next record
 * ```
 *
 * The packet is the one that caused the event, as it came from the device; `flow-gone` has none.
 */
export type NatEventKind = 'flow-opened' | 'flow-gone' | 'datagram' | 'echo';

export interface NatEvent {
  readonly kind: NatEventKind;
  /** Number in the shared state and its generation, for the events about TCP flows; 0 otherwise. */
  readonly slot: number;
  readonly generation: number;
  /** A view into the batch. */
  readonly packet: Buffer;
}

const kinds = ['flow-opened', 'flow-gone', 'datagram', 'echo'] as const satisfies readonly NatEventKind[];
const headerBytes = 16;
const capacity = 262_144;

/** Collects the records of a burst. */
export class EventBatch {
  readonly #bytes = new Uint8Array(capacity);
  readonly #words = new Int32Array(this.#bytes.buffer);
  readonly #post: (batch: ArrayBuffer) => void;
  #used = 0;

  constructor(post: (batch: ArrayBuffer) => void) {
    this.#post = post;
  }

  append(kind: NatEventKind, slot: number, generation: number, packet: Uint8Array, packetBytes: number): void {
    if (this.#used + headerBytes + packetBytes > capacity) this.flush();
    const word = this.#used >>> 2;
    this.#words[word] = kinds.indexOf(kind);
    this.#words[word + 1] = slot;
    this.#words[word + 2] = generation;
    this.#words[word + 3] = packetBytes;
    if (packetBytes > 0) this.#bytes.set(packet.subarray(0, packetBytes), this.#used + headerBytes);
    this.#used = (this.#used + headerBytes + packetBytes + 3) & ~3;
  }

  /** Posts what there is. */
  flush(): void {
    if (this.#used === 0) return;
    const batch = this.#bytes.buffer.slice(0, this.#used);
    this.#used = 0;
    this.#post(batch);
  }
}

/** The records of a batch, in order. */
export function* readEvents(batch: ArrayBuffer): Generator<NatEvent> {
  const words = new Int32Array(batch);
  let offset = 0;
  while (offset < batch.byteLength) {
    const word = offset >>> 2;
    const kind = kinds[words[word] ?? -1];
    if (kind === undefined) throw new RangeError(`No event of kind ${words[word]}`);
    const packetBytes = words[word + 3] ?? 0;
    const packet = Buffer.from(batch, offset + headerBytes, packetBytes);
    yield { kind, slot: words[word + 1] ?? 0, generation: words[word + 2] ?? 0, packet };
    offset = (offset + headerBytes + packetBytes + 3) & ~3;
  }
}
