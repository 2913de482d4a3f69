import { existsSync, readFileSync } from 'node:fs';

/** What a run of tests came to. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const noTotals: Totals = { passed: 0, failed: 0, skipped: 0 };

export function addTotals(first: Totals, second: Totals): Totals {
  return {
    passed: first.passed + second.passed,
    failed: first.failed + second.failed,
    skipped: first.skipped + second.skipped,
  };
}

/** The last line of every run. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** What a suite has left for whoever started it; one that left nothing has failed. */
export function readTotals(file: string, exitCode: number): Totals {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Totals;
  console.log(`The suite ended with ${exitCode} and without a report`);
  return { ...noTotals, failed: 1 };
}
