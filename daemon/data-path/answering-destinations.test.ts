import { describe, expect, it } from 'vitest';
import { parseIp } from '#base/common/ip.ts';
import { AnsweringDestinations } from './answering-destinations.ts';

const endpoint = (port: number) => ({ ip: parseIp('10.96.0.1') ?? { family: 4 as const, value: 0n }, port });

describe('destinations that answer', () => {
  it('are trusted for two seconds after they were reached', () => {
    let now = 0;
    const destinations = new AnsweringDestinations(() => now);
    expect(destinations.isAnswering(endpoint(80))).toBe(false);
    destinations.reached(endpoint(80));
    now = 1_999;
    expect(destinations.isAnswering(endpoint(80))).toBe(true);
    expect(destinations.isAnswering(endpoint(81))).toBe(false);
    now = 2_000;
    expect(destinations.isAnswering(endpoint(80))).toBe(false);
  });

  it('are not trusted any more once one dial failed', () => {
    const destinations = new AnsweringDestinations(() => 0);
    destinations.reached(endpoint(80));
    destinations.failed(endpoint(80));
    expect(destinations.isAnswering(endpoint(80))).toBe(false);
  });

  it('are remembered up to a bound, the latest ones', () => {
    const destinations = new AnsweringDestinations(() => 0);
    for (let port = 1; port <= 2_000; port += 1) destinations.reached(endpoint(port));
    expect(destinations.isAnswering(endpoint(976))).toBe(false);
    expect(destinations.isAnswering(endpoint(977))).toBe(true);
  });
});
