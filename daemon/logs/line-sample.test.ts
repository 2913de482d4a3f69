import { expect, test } from 'vitest';
import { LineSample } from './line-sample.ts';

test('shows lines in which something was replaced rather than others, in their order', () => {
  const sample = new LineSample();
  for (let number = 0; number < 100; number += 1) sample.take(`line ${number}`, number >= 50 && number % 25 === 0);
  expect(sample.result()).toEqual({
    lines: 100,
    changedLines: 2,
    sample: ['line 0', 'line 1', 'line 2', 'line 50', 'line 75'],
  });
});

test('keeps few lines, and of long ones the beginning', () => {
  const sample = new LineSample();
  for (let number = 0; number < 20; number += 1) sample.take(`${number}${'x'.repeat(1_000)}`, true);
  const { lines, changedLines, sample: shown } = sample.result();
  expect([lines, changedLines, shown.length]).toEqual([20, 20, 5]);
  expect(shown.every((line) => line.length === 240)).toBe(true);
  expect(new LineSample().result()).toEqual({ lines: 0, changedLines: 0, sample: [] });
});
