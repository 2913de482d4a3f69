import { join } from 'node:path';
import { cacheDirectory, checkout } from './checkout.ts';
import { allChecks } from './checks/all-checks.ts';
import { runChecks } from './run-checks.ts';
import { runProgram } from './run-program.ts';
import { runSandboxSuite } from './sandbox-suite.ts';
import { addTotals, noTotals, totalsLine } from './totals.ts';
import { forgetReport, printSummary, readReport } from './vitest-report.ts';

/**
 * npm test: build, static checks, unit and integration tests, and the acceptance suite in sandboxes. The last line adds everything up; a
 * static check counts as one test. Arguments go to vitest, and leave the suite out.
 */
const report = join(cacheDirectory, 'unit-report.json');
/** A single test ends long before; this is for a run that hangs between tests. */
const testsTimeoutMs = 15 * 60_000;

const build = {
  name: 'build',
  async find() {
    const { exitCode, output } = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs: 120_000 });
    return exitCode === 0 ? [] : [output.trim()];
  },
};

const checks = await runChecks([build, ...allChecks]);
forgetReport(report);
const vitest = join(checkout, 'node_modules/vitest/vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const { exitCode } = await runProgram(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
  timeoutMs: testsTimeoutMs,
  isShown: true,
});
const tests = readReport(report, exitCode);
printSummary(tests);
const isWhole = process.argv.length === 2;
// With arguments somebody wants some tests of vitest, and no others.
const suite = isWhole ? await runSandboxSuite([]) : noTotals;
const totals = addTotals(addTotals(checks, tests.totals), suite);
console.log(`\n${totalsLine(totals)}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
