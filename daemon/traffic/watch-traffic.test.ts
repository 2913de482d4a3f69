import { describe, expect, it } from 'vitest';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { maxKeptBodyBytes, maxToldTraffic, maxTrafficLot } from '#protocol/local-api/traffic-api.ts';
import { maxRecent, TrafficRecorder } from './traffic-recorder.ts';
import { TrafficLots, watchTraffic } from './watch-traffic.ts';

const placeOf = (engagement: string) => ({ engagement, from: '10.42.0.7:40000', to: '127.0.0.1:8080' });

function begin(recorder: TrafficRecorder, engagement = 'web') {
  return recorder.begin(placeOf(engagement), { kind: 'request', method: 'GET', target: '/' });
}

function watched(recorder: TrafficRecorder, engagement?: string) {
  const events: CallEvent<'watchTraffic'>[] = [];
  const lots = new TrafficLots(recorder, engagement, (event) => events.push(event));
  lots.snapshot();
  return { lots, events };
}

describe('a watcher of traffic', () => {
  it('is told what is there, what comes, and what changes about it, of its engagement only', () => {
    const recorder = new TrafficRecorder();
    const first = begin(recorder);
    begin(recorder, 'other');
    const { lots, events } = watched(recorder, 'web');
    lots.flush();
    begin(recorder, 'other');
    const second = begin(recorder);
    first.end('done');
    recorder.changed(first);
    lots.flush();
    lots.flush();
    expect(events).toMatchObject([
      { kind: 'snapshot', entries: [{ id: first.id, state: 'open' }] },
      { kind: 'changed', entries: [{ id: first.id, state: 'done' }, { id: second.id }], skipped: 0 },
    ]);
    expect(events).toHaveLength(2);
  });

  it('is told of the newest of a flood, how many were left out, and finds those it was told', () => {
    const recorder = new TrafficRecorder();
    const { lots, events } = watched(recorder);
    const open = begin(recorder);
    lots.flush();
    for (let count = 0; count < 5_000; count += 1) begin(recorder);
    open.end('done');
    recorder.changed(open);
    lots.flush();
    const [, , flood] = events;
    expect(flood).toMatchObject({ kind: 'changed', skipped: 5_000 - maxTrafficLot });
    const told = flood?.kind === 'changed' ? flood.entries : [];
    expect(told).toHaveLength(maxTrafficLot + 1);
    expect(told[0]).toMatchObject({ id: open.id, state: 'done' });
    for (let count = 0; count < 5_000; count += 1) begin(recorder);
    expect(told.every(({ id }) => recorder.get(id) !== undefined)).toBe(true);
  });

  it('keeps no more than its bounds, whatever comes', () => {
    const recorder = new TrafficRecorder();
    const { lots } = watched(recorder);
    for (let count = 0; count < 40; count += 1) {
      for (let each = 0; each < 100; each += 1) begin(recorder);
      lots.flush();
    }
    expect(recorder.changedSince(0, undefined).length).toBeLessThanOrEqual(maxToldTraffic + maxRecent);
    expect(recorder.get(1)).toBeUndefined();
  });

  it('is told that all was forgotten', () => {
    const recorder = new TrafficRecorder();
    const first = begin(recorder);
    const { lots, events } = watched(recorder);
    recorder.clear();
    begin(recorder);
    lots.flush();
    expect(events.slice(1)).toMatchObject([{ kind: 'cleared' }, { kind: 'changed', entries: [{ id: 2 }], skipped: 0 }]);
    expect(recorder.get(first.id)).toBeUndefined();
  });

  it('makes bodies be kept for as long as it watches, in bounded memory', async () => {
    const recorder = new TrafficRecorder();
    const end = new AbortController();
    const watching = watchTraffic(recorder, { engagement: undefined, bodies: true }, () => undefined, end.signal);
    expect(recorder.isKeepingBodies).toBe(true);
    const body = new Uint8Array(2 * maxKeptBodyBytes).fill(7);
    const records = Array.from({ length: 2_000 }, () => {
      const record = begin(recorder);
      recorder.tell(record);
      recorder.keepBody(record, 'requestBody', body, 0, body.length);
      return record;
    });
    expect(recorder.bodyBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    const kept = records.filter(({ requestBody }) => requestBody !== undefined);
    expect(kept.at(-1)).toBe(records.at(-1));
    expect(kept.reduce((sum, { requestBody }) => sum + (requestBody?.bytes ?? 0), 0)).toBe(recorder.bodyBytes);
    recorder.clear();
    expect(recorder.bodyBytes).toBe(0);
    end.abort();
    await watching;
    expect(recorder.isKeepingBodies).toBe(false);
  });
});
