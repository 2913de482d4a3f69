import { describe, expect, it } from 'vitest';
import { judge } from '../judge.ts';
import { alternate, failureFinding, figures, type Samples } from './measure.ts';

describe('alternate', () => {
  it('takes the ways in turn, and another one first each round', async () => {
    const order: string[] = [];
    const samples = await alternate(
      ['ours', 'pf', 'direct'],
      3,
      () => false,
      async (way) => await Promise.resolve(order.push(way)),
    );
    expect(order).toEqual(['ours', 'pf', 'direct', 'pf', 'direct', 'ours', 'direct', 'ours', 'pf']);
    expect(samples.by.get('ours')).toHaveLength(3);
  });

  it('leaves a way alone that failed twice, and goes on with the others', async () => {
    let tries = 0;
    const samples = await alternate(
      ['ours', 'pf'],
      5,
      () => false,
      async (way) => {
        if (way === 'pf') return await Promise.resolve(1);
        tries += 1;
        throw new Error('no way through');
      },
    );
    expect(tries).toBe(2);
    expect(samples.by.get('pf')).toHaveLength(5);
    expect(samples.errors).toEqual(['ours: no way through', 'ours: no way through']);
  });

  it('ends between rounds when the time is up, and says so', async () => {
    let rounds = 0;
    const samples = await alternate(
      ['ours'],
      5,
      () => rounds === 2,
      async () => {
        rounds += 1;
        return await Promise.resolve(rounds);
      },
    );
    expect(samples.by.get('ours')).toEqual([1, 2]);
    expect(samples.errors).toEqual(['the time was up after 2 of 5 rounds']);
  });
});

describe('figures and failures', () => {
  const samples: Samples<{ readonly p50Ms?: number; readonly count: number; readonly failures: number }> = {
    by: new Map([
      ['ours', [{ count: 500, failures: 500 }]],
      ['pf', [{ p50Ms: 0.5, count: 500, failures: 0 }]],
    ]),
    errors: [],
  };

  it('judge nothing by samples in which nothing was answered', () => {
    const found = { title: 'p50', unit: 'ms', samples: figures(samples, ({ p50Ms }) => p50Ms) };
    expect(judge({ ...found, bar: { reach: 'at-most', bar: 1 } })).toEqual({
      medians: { pf: 0.5 },
      ratio: undefined,
      verdict: 'unknown',
    });
  });

  it('fall short by what was not answered', () => {
    const finding = failureFinding('DNS cached', samples);
    expect(finding.samples).toEqual({ ours: [500], pf: [0] });
    expect(judge(finding).verdict).toBe('falls-short');
    expect(judge(failureFinding('DNS cached', { by: new Map([['ours', []]]), errors: ['ours: no way'] })).verdict).toBe(
      'unknown',
    );
  });
});
