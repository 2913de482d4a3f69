import { describe, expect, it } from 'vitest';
import { type Bar, judge } from './judge.ts';
import type { Finding } from './measures/measure.ts';

const finding = (ours: readonly number[], pf: readonly number[] | undefined, bar: Bar): Finding => ({
  title: 'a figure',
  unit: 'ms',
  samples: { ours, ...(pf === undefined ? {} : { pf }) },
  bar,
});

describe('judge', () => {
  it('compares medians, which one outlier does not move', () => {
    const { medians, ratio } = judge(
      finding([1, 1.2, 90, 1.1, 1.3], [1, 1, 1, 1, 1], { reach: 'at-most', bar: 1.25, relation: { kind: 'times-pf' } }),
    );
    expect(medians).toEqual({ ours: 1.2, pf: 1 });
    expect(ratio).toBe(1.2);
  });

  it.each([
    [0.9, 'falls-short'],
    [1.3, 'reaches-bar'],
    [2, 'reaches-goal'],
  ] as const)('a ratio of %s against at least 1.3, then 2: %s', (ours, verdict) => {
    const bar: Bar = { reach: 'at-least', bar: 1.3, goal: 2, relation: { kind: 'times-pf' } };
    expect(judge(finding([ours], [1], bar)).verdict).toBe(verdict);
  });

  it('adds the round trip of the run to a bar above it', () => {
    const bar: Bar = { reach: 'at-most', bar: 1, goal: 0.3, relation: { kind: 'above-round-trip', roundTrip: 0.5 } };
    expect(judge(finding([1.6], undefined, bar)).verdict).toBe('falls-short');
    expect(judge(finding([1.4], undefined, bar)).verdict).toBe('reaches-bar');
    expect(judge(finding([0.75], undefined, bar)).verdict).toBe('reaches-goal');
  });

  it('holds a figure against direct access, as a share or as what comes on top', () => {
    const beside = (direct: number, bar: Bar): Finding => ({
      ...finding([2], undefined, bar),
      samples: { ours: [2], direct: [direct] },
    });
    const share: Bar = { reach: 'at-least', bar: 0.7, relation: { kind: 'times-direct' } };
    expect(judge(beside(4, share)).verdict).toBe('falls-short');
    expect(judge(beside(2.5, share)).verdict).toBe('reaches-goal');
    const onTop: Bar = { reach: 'at-most', bar: 0.1, relation: { kind: 'above-direct' } };
    expect(judge(beside(1.95, onTop)).verdict).toBe('reaches-goal');
    expect(judge(beside(1.8, onTop)).verdict).toBe('falls-short');
    expect(judge(finding([2], undefined, onTop)).verdict).toBe('unknown');
  });

  it('says nothing where a side is missing', () => {
    const bar: Bar = { reach: 'at-most', bar: 1, relation: { kind: 'times-pf' } };
    expect(judge(finding([1], undefined, bar)).verdict).toBe('unknown');
    expect(judge(finding([], [1], bar)).verdict).toBe('unknown');
  });
});
