import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './checkout.ts';
import { runProgram } from './run-program.ts';
import { noTotals, type Totals } from './totals.ts';

const report = join(cacheDirectory, 'sandbox/totals.json');
/** It takes five minutes on two cores that have nothing else to do. */
const suiteTimeoutMs = 15 * 60_000;

/** Runs the acceptance suite in sandboxes; the product is built already. Where no sandbox can run, that counts as one test which was skipped. */
export async function runSandboxSuite(args: readonly string[]): Promise<Totals> {
  const missing = process.platform === 'linux' ? (process.getuid?.() === 0 ? undefined : 'needs root') : 'needs Linux';
  if (missing !== undefined) {
    console.log(`The acceptance suite in the sandbox (skipped: ${missing})`);
    return { ...noTotals, skipped: 1 };
  }
  rmSync(report, { force: true });
  const { exitCode } = await runProgram(process.execPath, ['e2e/run.ts', '--sandbox', ...args], {
    timeoutMs: suiteTimeoutMs,
    isShown: true,
  });
  if (!existsSync(report)) {
    console.log(`The suite ended with ${exitCode} and without a report`);
    return { ...noTotals, failed: 1 };
  }
  return JSON.parse(readFileSync(report, 'utf8')) as Totals;
}
