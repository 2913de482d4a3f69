import { untilAborted } from '#net/rpc/handlers.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { maxTrafficLot } from '#protocol/local-api/traffic-api.ts';
import type { TrafficRecord } from './traffic-record.ts';
import type { TrafficRecorder } from './traffic-recorder.ts';

const lotEveryMs = 200;

export interface TrafficWatch {
  readonly engagement: string | undefined;
  readonly bodies: boolean;
}

/** Tells one watcher of what is there and of what changes, in lots, until the signal aborts. */
export async function watchTraffic(
  recorder: TrafficRecorder,
  watch: TrafficWatch,
  emit: (event: CallEvent<'watchTraffic'>) => void,
  signal: AbortSignal,
): Promise<void> {
  using _bodies = watch.bodies ? recorder.watchBodies() : undefined;
  const lots = new TrafficLots(recorder, watch.engagement, emit);
  lots.snapshot();
  const timer = setInterval(() => lots.flush(), lotEveryMs);
  try {
    await untilAborted(signal);
  } finally {
    clearInterval(timer);
  }
}

/** What one watcher was told. */
export class TrafficLots {
  readonly #recorder: TrafficRecorder;
  readonly #engagement: string | undefined;
  readonly #emit: (event: CallEvent<'watchTraffic'>) => void;
  #changes = 0;
  #lastId = 0;
  #count = 0;
  #clearings = 0;

  constructor(recorder: TrafficRecorder, engagement: string | undefined, emit: (event: CallEvent<'watchTraffic'>) => void) {
    this.#recorder = recorder;
    this.#engagement = engagement;
    this.#emit = emit;
  }

  snapshot(): void {
    const records = this.#recorder.changedSince(0, this.#engagement);
    this.#clearings = this.#recorder.clearings;
    this.#remember(records);
    this.#emit({ kind: 'snapshot', entries: records.map((record) => record.entry()) });
  }

  flush(): void {
    const recorder = this.#recorder;
    if (recorder.changes === this.#changes) return;
    if (recorder.clearings !== this.#clearings) {
      this.#clearings = recorder.clearings;
      this.#emit({ kind: 'cleared' });
    }
    const changed = recorder.changedSince(this.#changes, this.#engagement);
    const known = changed.filter(({ id }) => id <= this.#lastId);
    const fresh = changed.filter(({ id }) => id > this.#lastId).slice(-maxTrafficLot);
    const skipped = recorder.countOf(this.#engagement) - this.#count - fresh.length;
    const told = [...known, ...fresh];
    this.#remember(told);
    if (told.length > 0 || skipped > 0) {
      this.#emit({ kind: 'changed', entries: told.map((record) => record.entry()), skipped: Math.max(0, skipped) });
    }
  }

  #remember(told: readonly TrafficRecord[]): void {
    const recorder = this.#recorder;
    this.#changes = recorder.changes;
    this.#count = recorder.countOf(this.#engagement);
    // Those of other engagements have ids in between.
    this.#lastId = recorder.countOf(undefined);
    for (const record of told) recorder.tell(record);
  }
}
