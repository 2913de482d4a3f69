import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkout } from './checkout.ts';
import { readReport } from './vitest-report.ts';

describe('readReport', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'report-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const written = (testResults: readonly unknown[]) => {
    const file = join(directory, 'report.json');
    writeFileSync(file, JSON.stringify({ testResults }));
    return file;
  };
  const name = join(checkout, 'net/a.test.ts');

  it('counts tests, and names those that were skipped or failed', () => {
    const assertionResults = [
      { status: 'passed', fullName: 'a' },
      { status: 'skipped', fullName: 'needs root' },
      { status: 'todo', fullName: 'later' },
      { status: 'failed', fullName: 'b', failureMessages: ['Error: no\n  at x'] },
    ];
    expect(readReport(written([{ name, status: 'failed', assertionResults }]), 1)).toEqual({
      totals: { passed: 1, failed: 1, skipped: 2 },
      skipped: ['net/a.test.ts: needs root', 'net/a.test.ts: later'],
      failed: ['net/a.test.ts: b (Error: no)'],
    });
  });

  it('counts a file that cannot be loaded as one failed test', () => {
    const file = written([{ name, status: 'failed', message: 'no such module\n  at x', assertionResults: [] }]);
    expect(readReport(file, 1)).toMatchObject({
      totals: { failed: 1 },
      failed: ['net/a.test.ts: the file as a whole (no such module)'],
    });
  });

  it('counts an error outside of every test, and a run without a report', () => {
    expect(readReport(written([{ name, status: 'passed', assertionResults: [] }]), 1).totals.failed).toBe(1);
    expect(readReport(join(directory, 'none.json'), 0).totals.failed).toBe(1);
  });
});
