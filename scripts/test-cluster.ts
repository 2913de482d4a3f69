import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, checkout } from './checkout.ts';
import { runProgram } from './run-program.ts';
import { readTotals, totalsLine } from './totals.ts';

/** npm run test:cluster: builds the product, and runs the acceptance suite on a real cluster. Arguments go to the suite. */
const report = join(cacheDirectory, 'e2e-totals.json');
/** With a cluster to start and an image to build, and twice what it takes on two idle cores. */
const suiteTimeoutMs = 70 * 60_000;

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
  rmSync(report, { force: true });
  const args = ['e2e/run.ts', ...process.argv.slice(2)];
  const { exitCode } = await runProgram(process.execPath, args, { timeoutMs: suiteTimeoutMs, isShown: true });
  const totals = readTotals(report, exitCode);
  console.log(`\n${totalsLine(totals)}`);
  return totals.failed === 0 ? 0 : 1;
}
