import { checkout } from './support/settings.ts';
import { type FailedTest, type FileReport, readVitestReport } from './vitest-report.ts';

/** What became of the tests of one file. */
export interface FileResult extends FileReport {
  /** Passed, but not at once: with what they failed first. */
  readonly repeated: readonly FailedTest[];
}

/** More files than this do not fail because the machine stalled. */
const maxRepeatedFiles = 4;

/** @returns undefined where a run left no report. */
export function readReport(reportFile: string): readonly FileResult[] | undefined {
  return readVitestReport(reportFile, checkout)?.map((report) => ({ ...report, repeated: [] }));
}

/** A file that could not be run to its end. */
export function brokenFile(file: string, reason: string): FileResult {
  return { file, passed: [], failed: [{ name: 'the file as a whole', reason }], skipped: [], repeated: [] };
}

/**
 * The files that get a second chance, each with a bed of its own: a shared machine of two cores stalls for seconds now and then, and a test
 * that failed leaves things behind. The report names what passed only then.
 */
export function filesToRepeat(results: readonly FileResult[]): readonly string[] {
  const files = results.filter(({ failed }) => failed.length > 0).map(({ file }) => file);
  return files.length <= maxRepeatedFiles ? files : [];
}

export function withSecond(results: readonly FileResult[], second: readonly FileResult[]): readonly FileResult[] {
  return results.map((first) => {
    const again = second.find(({ file }) => file === first.file);
    if (again === undefined) return first;
    return { ...again, repeated: first.failed.filter(({ name }) => !again.failed.some((test) => test.name === name)) };
  });
}

export interface SuiteTotals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Names what a person has to look at; the last line adds everything up. `whySkipped` is put behind a name. */
export function tellSuite(
  results: readonly FileResult[],
  whySkipped: (file: string, name: string) => string = () => '',
): SuiteTotals {
  const lines = (of: (result: FileResult) => readonly string[]) =>
    results.flatMap((result) => of(result).map((line) => `  ${result.file}: ${line}`));
  const tell = (title: string, found: readonly string[]) => {
    if (found.length > 0) console.log(`\n${title}:\n${found.join('\n')}`);
  };
  const withReason = ({ name, reason }: FailedTest) => `${name} (${reason})`;
  tell(
    'Skipped',
    lines(({ file, skipped }) => skipped.map((name) => `${name}${whySkipped(file, name)}`)),
  );
  tell(
    'Passed, but not at once',
    lines(({ repeated }) => repeated.map(withReason)),
  );
  tell(
    'Failed',
    lines(({ failed }) => failed.map(withReason)),
  );
  const sum = (of: (result: FileResult) => readonly unknown[]) => results.reduce((total, result) => total + of(result).length, 0);
  const totals = {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
  };
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals;
}
