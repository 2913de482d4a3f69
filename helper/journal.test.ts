import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, type JournalEntry } from './journal.ts';

const made: JournalEntry = { kind: 'interface', interface: 'tel0', index: 7 };
const redirected: JournalEntry = { kind: 'nftables', interface: 'tel0' };

describe('journal', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'journal-'));
    path = join(directory, 'journal.json');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const reloaded = () => {
    const journal = new Journal(path);
    journal.load();
    return journal;
  };

  it('is empty where there is no file', () => {
    expect(reloaded().entries).toEqual([]);
  });

  it('is on disk when a change is recorded', () => {
    const journal = reloaded();
    journal.record({ kind: 'interface', interface: 'tel0' });
    journal.record(redirected);
    journal.record(made);
    expect(reloaded().entries).toEqual([made, redirected]);
    journal.remove(made);
    expect(reloaded().entries).toEqual([redirected]);
  });

  it('finds an entry by kind and interface', () => {
    const journal = reloaded();
    journal.record(made);
    expect(journal.find('interface', 'tel0')?.index).toBe(7);
    expect(journal.find('interface', 'tel1')).toBeUndefined();
    expect(journal.find('resolved', 'tel0')).toBeUndefined();
  });

  it('keeps the content of files exactly', () => {
    const journal = reloaded();
    const entry: JournalEntry = { kind: 'resolv-conf', interface: 'tel0', original: 'a\r\n\u0000ü "x"', written: '' };
    journal.record(entry);
    expect(reloaded().entries).toEqual([entry]);
  });

  it('ignores a write that was cut short', () => {
    const journal = reloaded();
    journal.record(made);
    writeFileSync(`${path}.new`, readFileSync(path, 'utf8').slice(0, 10));
    expect(reloaded().entries).toEqual([made]);
  });

  it('refuses entries about interfaces that are not ours', () => {
    writeFileSync(path, JSON.stringify({ version: 1, entries: [{ ...made, interface: 'eth0' }] }));
    expect(() => reloaded()).toThrow();
  });
});
