import { describe, expect, it } from 'vitest';
import { CallerCheck } from './caller-check.ts';

describe('callers of an agent', () => {
  const make = (answers: (boolean | Error)[], owners: readonly string[] = []) => {
    const clock = { now: 1_000 };
    const asked: string[] = [];
    const ask = async (sessionId: string) => {
      asked.push(sessionId);
      const answer = answers.shift() ?? new Error('nothing to answer');
      if (answer instanceof Error) throw answer;
      return await Promise.resolve(answer);
    };
    const check = new CallerCheck({ ask, isOwner: (id) => owners.includes(id), now: () => clock.now });
    return { check, clock, asked };
  };

  it('are asked about once a minute, and at the same time only once', async () => {
    const { check, clock, asked } = make([true, false]);
    expect(await Promise.all([check.isAllowed('a'), check.isAllowed('a')])).toEqual([true, true]);
    expect(await check.isAllowed('a')).toBe(true);
    expect(asked).toEqual(['a']);
    clock.now += 61_000;
    expect(await check.isAllowed('a')).toBe(false);
    expect(asked).toEqual(['a', 'a']);
  });

  it('are asked about again soon after they were refused', async () => {
    const { check, clock, asked } = make([false, true]);
    expect(await check.isAllowed('a')).toBe(false);
    expect(await check.isAllowed('a')).toBe(false);
    clock.now += 1_001;
    expect(await check.isAllowed('a')).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('are refused while nobody can be asked, unless they were allowed before', async () => {
    const { check, clock } = make([true]);
    expect(await check.isAllowed('b')).toBe(true);
    clock.now += 61_000;
    expect(await check.isAllowed('b')).toBe(true);
    expect(await check.isAllowed('c')).toBe(false);
    clock.now += 3_600_000;
    expect(await check.isAllowed('b')).toBe(false);
  });

  it('need not be asked about where they intercept the workload', async () => {
    const { check, asked } = make([], ['owner']);
    expect(await check.isAllowed('owner')).toBe(true);
    expect(await check.isAllowed('')).toBe(false);
    expect(asked).toEqual([]);
  });
});
