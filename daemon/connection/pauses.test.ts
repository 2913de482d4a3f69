import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { Pauses } from './pauses.ts';

describe('pauses', () => {
  let directory: string;
  let ended: string[];
  const file = () => join(directory, 'run', 'pauses.json');
  const make = () => new Pauses(file(), silentLogger, (name) => ended.push(name));
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    directory = mkdtempSync(join(tmpdir(), 'pauses-'));
    ended = [];
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true, force: true });
  });

  it('end by themselves, once, and by nobody else where they have no end', () => {
    const pauses = make();
    pauses.set('short', { since: inMinutes(0), until: inMinutes(15) });
    pauses.set('long', { since: inMinutes(0) });
    vi.advanceTimersByTime(15 * 60_000 - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ended).toEqual(['short']);
    expect(pauses.get('short')).toBeUndefined();
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(ended).toEqual(['short']);
    expect(pauses.get('long')).toEqual({ since: inMinutes(-24 * 60 - 15) });
  });

  it('are known to the next daemon, in a file of this user', () => {
    make().set('a', { since: inMinutes(0), until: inMinutes(15) });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const next = make();
    expect(next.get('a')?.until).toBe(inMinutes(15));
    next.clear('a');
    expect(existsSync(file())).toBe(false);
    expect(make().get('a')).toBeUndefined();
  });

  it('end right after a sleep that outlasted them', () => {
    const pauses = make();
    pauses.set('a', { since: inMinutes(0), until: inMinutes(15) });
    vi.setSystemTime(20 * 60_000);
    pauses.look();
    vi.advanceTimersByTime(1);
    expect(ended).toEqual(['a']);
  });

  it('are none where the file is broken', () => {
    make().set('a', { since: inMinutes(0) });
    writeFileSync(file(), '{"a": 1}');
    expect(make().get('a')).toBeUndefined();
  });
});
