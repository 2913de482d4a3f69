import { expect, test } from 'vitest';
import { firstIndex, LogBuffer, maxLines } from './log-buffer.ts';

const buffer = () => new LogBuffer((count) => `${count} dropped`);
const texts = (log: LogBuffer) => log.view().shown.map(({ text }) => text);

test('keeps the latest lines and says how many it let go of', () => {
  const log = buffer();
  const lot = Array.from({ length: 10_000 }, (_unused, index) => ({ text: `line ${index}` }));
  for (let count = 0; count < 9; count += 1) log.append(lot, 0);
  const { kept, forgotten, shown } = log.view();
  expect(kept + forgotten).toBe(90_000);
  expect(kept).toBeLessThanOrEqual(maxLines + 5_000);
  expect(kept).toBeGreaterThanOrEqual(maxLines);
  expect(shown).toHaveLength(kept);
  expect(shown.at(-1)).toMatchObject({ number: 89_999, text: 'line 9999' });
});

test('gives lines without a level that of the message they belong to', () => {
  const log = buffer();
  log.append([{ text: 'start' }, { level: 'error', text: 'failed' }, { text: '  at x' }, { level: 'info', text: 'goes on' }], 0);
  log.setFilter({ level: 'warn', search: '' });
  expect(texts(log)).toEqual(['start', 'failed', '  at x']);
  log.setFilter({ level: undefined, search: '' });
  expect(texts(log)).toHaveLength(4);
});

test('finds without regard to case, in what is there and in what comes', () => {
  const log = buffer();
  log.append([{ text: 'Dial 10.0.0.1' }, { text: 'closed' }], 0);
  log.setFilter({ level: undefined, search: 'DIAL' });
  expect(log.view().matches).toEqual([0]);
  log.append([{ text: 'redial' }], 0);
  expect(log.view().matches).toEqual([0, 2]);
});

test('marks where lines were left out, whatever the filter', () => {
  const log = buffer();
  log.setFilter({ level: 'error', search: 'dropped' });
  log.append([{ level: 'info', text: 'a' }], 12);
  expect(log.view()).toMatchObject({ dropped: 12, matches: [], shown: [{ text: '12 dropped', isGap: true }] });
});

test('searches by halves', () => {
  const numbers = [1, 4, 9];
  const at = (wanted: number) => firstIndex(numbers.length, (index) => (numbers[index] ?? 0) >= wanted);
  expect([at(0), at(4), at(5), at(10)]).toEqual([0, 1, 2, 3]);
});
