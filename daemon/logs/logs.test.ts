import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotatingFile } from '#base/node/logger-file.ts';
import type { LogLine } from '#protocol/local-api/log-api.ts';
import { followFiles } from './follow-files.ts';
import { LogLots } from './log-lots.ts';
import { parseLine } from './parse-line.ts';
import { createRedactor } from './redact-log.ts';

const soon = { timeout: 10_000, interval: 20 };

describe('a line of a log', () => {
  it.each<[string, LogLine]>([
    ['plain', { text: 'plain' }],
    ['2026-01-02T03:04:05.678Z hello', { time: '2026-01-02T03:04:05.678Z', text: 'hello' }],
    ['2026-01-02T03:04:05.678901234Z WARN disk', { time: '2026-01-02T03:04:05.678901234Z', level: 'warn', text: 'WARN disk' }],
    ['time="x" level=error msg="no"', { level: 'error', text: 'time="x" level=error msg="no"' }],
    ['the errors are gone', { text: 'the errors are gone' }],
    [
      '{"level":"info","time":"2026-01-02T03:04:05.678Z","pid":7,"component":"daemon.api","call":"connect","n":1,"msg":"Call ended"}',
      { time: '2026-01-02T03:04:05.678Z', level: 'info', text: 'daemon.api: Call ended call=connect n=1' },
    ],
    ['{"level":50,"time":1700000000000,"msg":"pino"}', { time: '2023-11-14T22:13:20.000Z', level: 'error', text: 'pino' }],
    [
      '2026-01-02T03:04:05Z {"level":"debug","msg":"in a pod"}',
      { time: '2026-01-02T03:04:05Z', level: 'debug', text: 'in a pod' },
    ],
    ['{"no": "message"}', { text: '{"no": "message"}' }],
    ['{broken', { text: '{broken' }],
  ])('%s', (raw, line) => expect(parseLine(raw)).toEqual(line));
});

describe('secrets in logs', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-123';
  it.each([
    ['Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['GET /?token=abc123&x=1', 'GET /?token=[redacted]&x=1'],
    ['DB_PASSWORD=hunter2 PORT=80', 'DB_PASSWORD=[redacted] PORT=80'],
    ['{"apiKey": "abc", "user": "me"}', '{"apiKey": "[redacted]", "user": "me"}'],
    ['sent {\\"password\\":\\"a\\"}', 'sent {\\"password\\":\\"[redacted]\\"}'],
    ['    client-key-data: LS0tLS1CRUdJTg==', '    client-key-data: [redacted]'],
    ['postgres://me:secret@db:5432/x', 'postgres://me:[redacted]@db:5432/x'],
    [`saw ${jwt} pass`, 'saw [redacted] pass'],
    ['Set-Cookie: session=1; Path=/', 'Set-Cookie: [redacted]'],
    ['key -----BEGIN PRIVATE KEY-----abc-----END PRIVATE KEY----- end', 'key [redacted] end'],
  ])('%s', (line, safe) => expect(createRedactor()(line)).toBe(safe));

  it.each([
    'the token: it has expired',
    'secrets is forbidden',
    'passwords=',
    'http://host:80/a@b',
    'cookie jar',
    'secretCount: 3',
  ])('are not in "%s"', (line) => expect(createRedactor()(line)).toBe(line));

  it('may span lines', () => {
    const lines = ['before', '-----BEGIN RSA PRIVATE KEY-----', 'MIIE', 'xyz', '-----END RSA PRIVATE KEY-----', 'after'];
    expect(lines.map(createRedactor())).toEqual(['before', '[redacted]', '[redacted]', '[redacted]', '[redacted]', 'after']);
  });
});

describe('the tail of files', () => {
  let directory: string;
  let stop: AbortController;
  let texts: string[];
  let lots: { count: number; at: number }[];
  let dropped: number;
  let done: Promise<void>;

  const path = (name = 'daemon.log') => join(directory, name);
  const follow = (history: number, pattern = /^daemon\.log$/) => {
    const queue = new LogLots((event) => {
      lots.push({ count: event.lines.length, at: performance.now() });
      dropped += event.dropped;
      texts.push(...event.lines.map(({ text }) => text));
    });
    done = followFiles([{ directory, pattern }], history, queue, stop.signal).finally(() => queue.close());
  };
  /** Past the history, which comes first even where it is empty. */
  const followed = async (history: number, pattern?: RegExp) => {
    follow(history, pattern);
    await expect.poll(() => lots.length, soon).toBe(1);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'logs-'));
    stop = new AbortController();
    [texts, lots, dropped, done] = [[], [], 0, Promise.resolve()];
  });
  afterEach(async () => {
    stop.abort();
    await done;
    rmSync(directory, { recursive: true, force: true });
  });

  it('begins with the latest lines, also of rotated files, and goes on with what is written', async () => {
    writeFileSync(path('daemon.log.1'), 'a\nb\nc\n');
    writeFileSync(path(), 'd\nhal');
    await followed(3);
    expect(texts).toEqual(['b', 'c', 'd']);
    appendFileSync(path(), 'f\nnext\n');
    await expect.poll(() => texts, soon).toEqual(['b', 'c', 'd', 'half', 'next']);
  });

  it('may begin with nothing, and with a file or a folder that is not there yet', async () => {
    const late = join(directory, 'late');
    const queue = new LogLots(({ lines }) => texts.push(...lines.map(({ text }) => text)));
    done = followFiles([{ directory: late, pattern: /^x\.log$/ }], 10, queue, stop.signal);
    mkdirSync(late);
    writeFileSync(join(late, 'x.log'), 'one\n');
    await expect.poll(() => texts, soon).toEqual(['one']);
    appendFileSync(join(late, 'x.log'), 'two\n');
    await expect.poll(() => texts, soon).toEqual(['one', 'two']);
  });

  it('follows rotation, also several at once, and truncation', async () => {
    writeFileSync(path(), 'a\n');
    await followed(10);
    renameSync(path(), path('daemon.log.1'));
    appendFileSync(path('daemon.log.1'), 'b\n');
    writeFileSync(path(), 'c\n');
    await expect.poll(() => texts, soon).toEqual(['a', 'b', 'c']);
    renameSync(path('daemon.log.1'), path('daemon.log.3'));
    renameSync(path(), path('daemon.log.2'));
    writeFileSync(path('daemon.log.1'), 'd\n');
    writeFileSync(path(), 'e\n');
    await expect.poll(() => texts, soon).toEqual(['a', 'b', 'c', 'd', 'e']);
    truncateSync(path());
    await sleep(200);
    appendFileSync(path(), 'f\n');
    await expect.poll(() => texts.at(-1), soon).toBe('f');
  });

  it('loses no line of a logger that rotates all the time', async () => {
    await followed(0);
    const file = new RotatingFile(path(), { maxBytes: 20_000, keep: 4 });
    for (let number = 0; number < 5_000; number += 1) {
      file.write(`line ${number}\n`);
      if (number % 100 === 99) await sleep(10);
    }
    file.close();
    await expect.poll(() => texts.length, soon).toBe(5_000);
    expect(texts).toEqual(Array.from({ length: 5_000 }, (_, number) => `line ${number}`));
  });

  it('merges several files by their times', async () => {
    const line = (second: number, msg: string) =>
      `${JSON.stringify({ level: 'info', time: `2026-01-01T00:00:0${second}.000Z`, msg })}\n`;
    writeFileSync(path('a.log'), line(1, 'one') + line(3, 'three'));
    writeFileSync(path('b.log'), line(2, 'two') + 'of two\n' + line(4, 'four'));
    await followed(10, /^[abc]\.log$/);
    expect(texts).toEqual(['one', 'two', 'of two', 'three', 'four']);
    writeFileSync(path('c.log'), line(5, 'five'));
    await expect.poll(() => texts.at(-1), soon).toBe('five');
  });

  it('hands a flood on in at most 20 lots a second, and leaves out and counts what is too much', async () => {
    writeFileSync(path(), '');
    await followed(0);
    const total = 300_000;
    const lines = Array.from({ length: 10_000 }, (_, number) => `a line of common length, with a number ${number}\n`).join('');
    for (let count = 0; count < total / 10_000; count += 1) {
      appendFileSync(path(), lines);
      await sleep(20);
    }
    await expect.poll(() => texts.length + dropped, { ...soon, timeout: 15_000 }).toBe(total);
    expect(dropped).toBeGreaterThan(100_000);
    expect(Math.max(...lots.map(({ count }) => count))).toBeLessThanOrEqual(1_000);
    // Without the history, whose lot comes at once.
    const [, first, ...others] = lots;
    expect(others.length).toBeLessThanOrEqual(((others.at(-1)?.at ?? 0) - (first?.at ?? 0)) / 49);
  });
});
