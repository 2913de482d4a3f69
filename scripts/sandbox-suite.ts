import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './checkout.ts';
import { runProgram } from './run-program.ts';
import { readTotals, type Totals } from './totals.ts';

const report = join(cacheDirectory, 'sandbox/totals.json');
/** For a run that hangs: it takes minutes on two cores that have nothing else to do, and three times that where they have. */
const suiteTimeoutMs = 25 * 60_000;

/** Runs the acceptance suite in sandboxes; the product is built already. */
export async function runSandboxSuite(args: readonly string[]): Promise<Totals> {
  rmSync(report, { force: true });
  const { exitCode } = await runProgram(process.execPath, ['e2e/run.ts', '--sandbox', ...args], {
    timeoutMs: suiteTimeoutMs,
    isShown: true,
  });
  return readTotals(report, exitCode);
}
