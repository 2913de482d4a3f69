import { describe, expect, it } from 'vitest';
import { exampleConnectionEntry, exampleRequest } from './testing/example-traffic.ts';
import { filterTraffic, noFilter, statusClassOf, type TrafficFilter } from './traffic-filter.ts';

const entries = [
  exampleRequest({ id: 1 }),
  exampleRequest({ id: 2, method: 'POST', path: '/orders', status: 503, engagement: 'shop' }),
  exampleRequest({ id: 3, status: undefined, state: 'open' }),
  exampleConnectionEntry({ id: 4 }),
  exampleConnectionEntry({ id: 5, protocol: 'refused', state: 'failed' }),
];
const found = (change: Partial<TrafficFilter>) => filterTraffic(entries, { ...noFilter, ...change }).map(({ id }) => id);

describe('a filter of traffic', () => {
  it('lets through what fits one of each part that says anything', () => {
    expect(found({})).toEqual([1, 2, 3, 4, 5]);
    expect(found({ engagements: ['shop'] })).toEqual([2]);
    expect(found({ methods: ['POST', 'connection'] })).toEqual([2, 4, 5]);
    expect(found({ statuses: ['open', 'failed'] })).toEqual([3, 4, 5]);
    expect(found({ methods: ['GET'], statuses: ['2', '5'] })).toEqual([1]);
    expect(found({ text: 'ORDERS 503' })).toEqual([2]);
    expect(found({ text: 'websocket 10.42.0.9' })).toEqual([4]);
  });

  it('has a class for every state', () => {
    const classOf = (status: number) => statusClassOf(exampleRequest({ status }));
    expect([101, 204, 302, 418, 599, 999].map(classOf)).toEqual(['1', '2', '3', '4', '5', '2']);
    expect(statusClassOf(exampleRequest({ status: 200, state: 'failed' }))).toBe('failed');
    expect(statusClassOf(exampleConnectionEntry({ state: 'done' }))).toBe('2');
  });
});
