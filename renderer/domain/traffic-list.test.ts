import { describe, expect, it } from 'vitest';
import { exampleRequest } from '#protocol/local-api/testing/example-traffic.ts';
import { maxToldTraffic } from '#protocol/local-api/traffic-api.ts';
import { noTraffic, type TrafficView, withTraffic } from './traffic-list.ts';

const requests = (...ids: readonly number[]) => ids.map((id) => exampleRequest({ id, path: `/${id}` }));
const paths = ({ entries }: TrafficView) => entries.map(({ path }) => path);

describe('the list of traffic', () => {
  it('has each once, in the order in which they began, as it was told last', () => {
    const first = withTraffic(noTraffic, { kind: 'snapshot', entries: requests(1, 3) });
    const second = withTraffic(first, {
      kind: 'changed',
      entries: [exampleRequest({ id: 3, path: '/three' }), ...requests(2, 4)],
      skipped: 5,
    });
    expect(paths(second)).toEqual(['/1', '/2', '/three', '/4']);
    expect(second.skipped).toBe(5);
    expect(withTraffic(second, { kind: 'changed', entries: [], skipped: 2 })).toEqual({ ...second, skipped: 7 });
  });

  it('keeps what it had where it is told again after a pause', () => {
    const before = withTraffic(noTraffic, { kind: 'snapshot', entries: requests(1, 2) });
    expect(paths(withTraffic(before, { kind: 'snapshot', entries: requests(2, 9) }))).toEqual(['/1', '/2', '/9']);
  });

  it('begins anew with another daemon, and where all was forgotten', () => {
    const before = withTraffic(noTraffic, { kind: 'snapshot', entries: requests(1, 2, 50) });
    expect(paths(withTraffic(before, { kind: 'snapshot', entries: requests(1) }))).toEqual(['/1']);
    const other = exampleRequest({ id: 50, path: '/other', time: '2026-02-02T00:00:00.000Z' });
    expect(paths(withTraffic(before, { kind: 'snapshot', entries: [other] }))).toEqual(['/other']);
    expect(withTraffic(before, { kind: 'cleared' })).toEqual({ entries: [], skipped: 0, isLoaded: true });
  });

  it('keeps as many as the daemon has details of', () => {
    const many = requests(...Array.from({ length: maxToldTraffic + 10 }, (_unused, index) => index + 1));
    const view = withTraffic(noTraffic, { kind: 'snapshot', entries: many });
    expect(view.entries).toHaveLength(maxToldTraffic);
    expect(paths(view)[0]).toBe('/11');
  });
});
