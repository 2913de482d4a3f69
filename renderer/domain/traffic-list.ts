import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { maxToldTraffic, type TrafficEntry } from '#protocol/local-api/traffic-api.ts';

/** What a page shows of traffic. */
export interface TrafficView {
  /** Oldest first. */
  readonly entries: readonly TrafficEntry[];
  /** New ones that were never told, since the list began. */
  readonly skipped: number;
  readonly isLoaded: boolean;
}

export const noTraffic: TrafficView = { entries: [], skipped: 0, isLoaded: false };

/** What is shown after an event. As many are kept as the daemon keeps details of. */
export function withTraffic(before: TrafficView, event: CallEvent<'watchTraffic'>): TrafficView {
  if (event.kind === 'cleared') return { ...noTraffic, isLoaded: true };
  // A snapshot comes first, and again after a pause: what was shown before it stays.
  const isOther = event.kind === 'snapshot' && !isSameList(before.entries, event.entries);
  const former = isOther ? [] : before.entries;
  const skipped = (isOther ? 0 : before.skipped) + (event.kind === 'changed' ? event.skipped : 0);
  return { entries: merged(former, event.entries).slice(-maxToldTraffic), skipped, isLoaded: true };
}

/** A daemon that was started again counts from the beginning: an id of it that is known stands for something else. */
function isSameList(before: readonly TrafficEntry[], entries: readonly TrafficEntry[]): boolean {
  const times = new Map(before.map(({ id, time }) => [id, time]));
  const last = before.at(-1);
  if (last !== undefined && (entries.at(-1)?.id ?? 0) < last.id) return false;
  return entries.every(({ id, time }) => (times.get(id) ?? time) === time);
}

function merged(before: readonly TrafficEntry[], entries: readonly TrafficEntry[]): readonly TrafficEntry[] {
  if (entries.length === 0) return before;
  const byId = new Map(before.map((entry) => [entry.id, entry]));
  for (const entry of entries) byId.set(entry.id, entry);
  return [...byId.values()].toSorted((a, b) => a.id - b.id);
}
