import { maxToldTraffic } from '#protocol/local-api/traffic-api.ts';
import { KeptBody } from './kept-body.ts';
import { type TrafficPlace, TrafficRecord, type TrafficSubject } from './traffic-record.ts';

/** The latest, whether anybody watches or not. */
export const maxRecent = 250;

/** Of all bodies together. Where it is full, the oldest bodies go until a quarter of it is free. */
const maxAllBodyBytes = 8 * 1024 * 1024;

/**
 * The latest requests and connections of all engagements of one connection of the daemon, in bounded memory: those that were told to a
 * watcher are kept longer than those that came too fast to be told, so that a watcher finds the details of what it shows.
 */
export class TrafficRecorder {
  /** Each id has one place, its remainder: the newest takes it. */
  readonly #recent: (TrafficRecord | undefined)[] = Array.from({ length: maxRecent }, () => undefined);
  /** Oldest first. */
  readonly #told = new Map<number, TrafficRecord>();
  /** How many there were of each engagement that has had one. */
  readonly #counts = new Map<string, number>();
  #bodyBytes = 0;
  #bodyWatchers = 0;
  #lastId = 0;
  #changes = 0;
  #clearings = 0;

  /** Grows with whatever changes. */
  get changes(): number {
    return this.#changes;
  }

  get clearings(): number {
    return this.#clearings;
  }

  get isKeepingBodies(): boolean {
    return this.#bodyWatchers > 0;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** How many there were of an engagement, or of all. */
  countOf(engagement: string | undefined): number {
    return engagement === undefined ? this.#lastId : (this.#counts.get(engagement) ?? 0);
  }

  begin(place: TrafficPlace, subject: TrafficSubject): TrafficRecord {
    this.#lastId += 1;
    const record = new TrafficRecord(this.#lastId, place, subject);
    const former = this.#recent[record.id % maxRecent];
    this.#recent[record.id % maxRecent] = record;
    if (former !== undefined && !this.#told.has(former.id)) this.#forget(former);
    this.#counts.set(place.engagement, (this.#counts.get(place.engagement) ?? 0) + 1);
    this.changed(record);
    return record;
  }

  changed(record: TrafficRecord): void {
    this.#changes += 1;
    record.changedAt = this.#changes;
  }

  keepBody(record: TrafficRecord, side: 'requestBody' | 'responseBody', chunk: Uint8Array, start: number, end: number): void {
    if (record.isForgotten) return;
    record[side] ??= new KeptBody();
    this.#bodyBytes += record[side].add(chunk, start, end);
    if (this.#bodyBytes > maxAllBodyBytes) this.#makeRoom();
  }

  /** Begins to keep bodies, until it is disposed of. */
  watchBodies(): Disposable {
    this.#bodyWatchers += 1;
    let isWatching = true;
    return {
      [Symbol.dispose]: () => {
        if (isWatching) this.#bodyWatchers -= 1;
        isWatching = false;
      },
    };
  }

  get(id: number): TrafficRecord | undefined {
    const recent = this.#recent[id % maxRecent];
    return recent?.id === id ? recent : this.#told.get(id);
  }

  /** All that changed after a count of changes, oldest first. */
  changedSince(changes: number, engagement: string | undefined): TrafficRecord[] {
    const isWanted = ({ changedAt, place }: TrafficRecord) =>
      changedAt > changes && (engagement === undefined || place.engagement === engagement);
    return this.#all()
      .filter(isWanted)
      .toSorted((a, b) => a.id - b.id);
  }

  /** A watcher knows of it now. */
  tell(record: TrafficRecord): void {
    if (record.isForgotten || this.#told.has(record.id)) return;
    this.#told.set(record.id, record);
    if (this.#told.size <= maxToldTraffic) return;
    for (const oldest of this.#told.values()) {
      this.#told.delete(oldest.id);
      if (this.#recent[oldest.id % maxRecent] !== oldest) this.#forget(oldest);
      break;
    }
  }

  clear(): void {
    for (const record of this.#all()) this.#forget(record);
    this.#recent.fill(undefined);
    this.#told.clear();
    this.#clearings += 1;
    this.#changes += 1;
  }

  #all(): TrafficRecord[] {
    const recent = this.#recent.flatMap((record) => (record === undefined || this.#told.has(record.id) ? [] : [record]));
    return [...this.#told.values(), ...recent];
  }

  #makeRoom(): void {
    for (const record of this.#all().toSorted((a, b) => a.id - b.id)) {
      if (this.#bodyBytes <= (maxAllBodyBytes * 3) / 4) return;
      this.#bodyBytes -= record.dropBodies();
    }
  }

  #forget(record: TrafficRecord): void {
    record.isForgotten = true;
    this.#bodyBytes -= record.dropBodies();
  }
}
