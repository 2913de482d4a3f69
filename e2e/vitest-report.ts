import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The part of vitest's JSON report that counts. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** What became of the tests of one file; each list holds their full names. */
export interface FileReport {
  /** From the checkout's root. */
  readonly file: string;
  readonly passed: readonly string[];
  readonly failed: readonly FailedTest[];
  readonly skipped: readonly string[];
}

export interface FailedTest {
  readonly name: string;
  /** Its first line. */
  readonly reason: string;
}

/** @returns undefined where a run left no report. */
export function readVitestReport(reportFile: string, root: string): readonly FileReport[] | undefined {
  if (!existsSync(reportFile)) return undefined;
  const { testResults } = JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport;
  return testResults.map(({ name, status, message, assertionResults: tests }) => {
    const named = (wanted: (status: string) => boolean) => tests.filter((test) => wanted(test.status));
    const failed = named((found) => found === 'failed').map(({ fullName, failureMessages = [] }) => ({
      name: fullName,
      reason: firstLine(failureMessages[0]),
    }));
    // A file whose preparation failed has no failed test, and must not look well.
    if (status === 'failed' && failed.length === 0) failed.push({ name: 'the file as a whole', reason: firstLine(message) });
    return {
      file: relative(root, name),
      passed: named((found) => found === 'passed').map(({ fullName }) => fullName),
      failed,
      skipped: named((found) => found !== 'passed' && found !== 'failed').map(({ fullName }) => fullName),
    };
  });
}

function firstLine(text: string | undefined): string {
  return text?.split('\n')[0] ?? 'could not be loaded';
}
