import { rmSync } from 'node:fs';
import { readVitestReport } from '../e2e/vitest-report.ts';
import { checkout } from './checkout.ts';
import { noTotals, type Totals } from './totals.ts';

export interface ReportSummary {
  readonly totals: Totals;
  /** `file: name` of each test that did not run. */
  readonly skipped: readonly string[];
  readonly failed: readonly string[];
}

/** Takes an old report away, so that a run that dies leaves none. */
export function forgetReport(file: string): void {
  rmSync(file, { force: true });
}

/**
 * Adds up a report. What vitest does not count as a test counts as one failed test here: a file that cannot be loaded, a run
 * that ends with an error though no test failed, a run without a report.
 */
export function readReport(file: string, exitCode: number): ReportSummary {
  const report = readVitestReport(file, checkout);
  if (report === undefined) {
    return { totals: { ...noTotals, failed: 1 }, skipped: [], failed: [`the run ended with ${exitCode} and without a report`] };
  }
  const passed = report.reduce((sum, each) => sum + each.passed.length, 0);
  const skipped = report.flatMap((each) => each.skipped.map((name) => `${each.file}: ${name}`));
  const failed = report.flatMap((each) => each.failed.map(({ name, reason }) => `${each.file}: ${name} (${reason})`));
  if (exitCode !== 0 && failed.length === 0) failed.push(`the run ended with ${exitCode}`);
  return { totals: { passed, failed: failed.length, skipped: skipped.length }, skipped, failed };
}

/** Names what a person has to look at: tests that failed, and those that did not run. */
export function printSummary({ skipped, failed }: ReportSummary): void {
  if (skipped.length > 0) console.log(`\nSkipped:\n${indented(skipped)}`);
  if (failed.length > 0) console.log(`\nFailed:\n${indented(failed)}`);
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
