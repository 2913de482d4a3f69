import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, checkout } from './checkout.ts';
import { runProgram } from './run-program.ts';
import { totalsLine } from './totals.ts';
import { forgetReport, printSummary, readReport } from './vitest-report.ts';

/** npm run test:cluster: builds the product, and runs the acceptance suite on a real cluster. Arguments go to the suite. */
const report = join(cacheDirectory, 'e2e-report.json');
/** With a cluster to start and an image to build. */
const suiteTimeoutMs = 45 * 60_000;

process.exitCode = await main();

async function main(): Promise<number> {
  if (!existsSync(join(checkout, 'e2e/run.ts'))) {
    console.log('e2e/run.ts is missing\n0 passed, 1 failed, 0 skipped');
    return 1;
  }
  const build = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs: 120_000, isShown: true });
  if (build.exitCode !== 0) {
    console.log('The build failed\n0 passed, 1 failed, 0 skipped');
    return 1;
  }
  forgetReport(report);
  const args = ['e2e/run.ts', ...process.argv.slice(2)];
  const { exitCode } = await runProgram(process.execPath, args, { timeoutMs: suiteTimeoutMs, isShown: true });
  const suite = readReport(report, exitCode);
  printSummary(suite);
  console.log(`\n${totalsLine(suite.totals)}`);
  return suite.totals.failed === 0 ? 0 : 1;
}
