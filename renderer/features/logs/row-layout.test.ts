import { expect, test } from 'vitest';
import type { LogEntry } from './log-buffer.ts';
import { layoutRows, lineHeight, textColumns, visibleRows } from './row-layout.ts';

const entries = (...widths: readonly number[]): readonly LogEntry[] =>
  widths.map((width, number) => ({ number, time: undefined, level: undefined, text: 'x'.repeat(width), isGap: false }));

test('lays out one line each without wrapping', () => {
  const layout = layoutRows(entries(10, 500, 1), undefined);
  expect(layout.height).toBe(3 * lineHeight);
  expect(layout.at(lineHeight * 1.5)).toBe(1);
  expect(layout.at(10_000)).toBe(2);
});

test('gives a wrapped row as many lines as its text has widths', () => {
  const layout = layoutRows(entries(10, 95, 0), 40);
  expect([0, 1, 2, 3].map((index) => layout.top(index) / lineHeight)).toEqual([0, 1, 4, 5]);
  expect(layout.at(3 * lineHeight)).toBe(1);
  expect(layout.at(4 * lineHeight)).toBe(2);
});

test('draws what is visible and a little around it', () => {
  const layout = layoutRows(entries(...Array.from({ length: 1_000 }, () => 1)), undefined);
  expect(visibleRows(layout, 100 * lineHeight, 10 * lineHeight)).toEqual({ first: 88, end: 123 });
  expect(visibleRows(layoutRows([], undefined), 0, 500)).toEqual({ first: 0, end: 0 });
});

test('counts two columns for wide letters', () => {
  expect(textColumns('abc')).toBe(3);
  expect(textColumns('日本 ok')).toBe(7);
});
