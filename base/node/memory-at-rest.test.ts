import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { returnMemoryAtRest } from './memory-at-rest.ts';

let usedMs = 0;
const returned = vi.fn<() => void>();
let watch: Disposable;

beforeEach(() => {
  vi.useFakeTimers();
  usedMs = 0;
  returned.mockReset();
  watch = returnMemoryAtRest({ cpuUsage: () => ({ user: usedMs * 600, system: usedMs * 400 }), returnMemory: returned });
});

afterEach(() => {
  watch[Symbol.dispose]();
  vi.useRealTimers();
});

/** Lets seconds pass, each with so much processor time. */
function pass(seconds: number, msEach: number): void {
  for (let second = 0; second < seconds; second += 1) {
    usedMs += msEach;
    vi.advanceTimersByTime(1_000);
  }
}

it('returns memory once the start is over', () => {
  pass(4, 700);
  pass(1, 5);
  expect(returned).not.toHaveBeenCalled();
  pass(1, 5);
  expect(returned).toHaveBeenCalledTimes(1);
});

it('leaves a process alone that does next to nothing', () => {
  pass(2, 5);
  pass(90, 5);
  expect(returned).toHaveBeenCalledTimes(1);
});

it('returns memory after work that was little at a time, too', () => {
  pass(2, 5);
  for (let round = 0; round < 6; round += 1) pass(1, 100);
  pass(2, 5);
  expect(returned).toHaveBeenCalledTimes(2);
});

it('returns memory after each work', () => {
  pass(2, 5);
  pass(60, 900);
  expect(returned).toHaveBeenCalledTimes(1);
  pass(2, 5);
  expect(returned).toHaveBeenCalledTimes(2);
});

it('does not while work comes and goes', () => {
  pass(2, 5);
  for (let round = 0; round < 20; round += 1) {
    pass(1, 500);
    pass(2, 0);
  }
  expect(returned.mock.calls.length).toBeLessThanOrEqual(11);
});

it('does nothing any more when it is disposed', () => {
  watch[Symbol.dispose]();
  pass(10, 0);
  expect(returned).not.toHaveBeenCalled();
});
