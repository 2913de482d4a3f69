import { existsSync, readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { checkout } from './checkout.ts';
import { noTotals, type Totals } from './totals.ts';

/** The part of vitest's JSON report that counts. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

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
  if (!existsSync(file)) {
    return { totals: { ...noTotals, failed: 1 }, skipped: [], failed: [`the run ended with ${exitCode} and without a report`] };
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  const skipped: string[] = [];
  const failed: string[] = [];
  let passed = 0;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const path = relative(checkout, name);
    let hasFailed = false;
    for (const test of assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failed.push(`${path}: ${test.fullName}`);
      else skipped.push(`${path}: ${test.fullName}`);
      hasFailed ||= test.status === 'failed';
    }
    if (status === 'failed' && !hasFailed) failed.push(`${path}: ${message?.split('\n')[0] ?? 'could not be loaded'}`);
  }
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
