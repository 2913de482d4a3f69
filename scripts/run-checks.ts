import type { Check } from './checks/check.ts';
import { addTotals, noTotals, type Totals } from './totals.ts';

/** Runs checks one after the other, prints each result with its duration, and the findings of those that fail. */
export async function runChecks(checks: readonly Check[]): Promise<Totals> {
  let totals = noTotals;
  for (const check of checks) {
    const startedAt = performance.now();
    const problems = await findProblems(check);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.log(`${problems.length === 0 ? '✓' : '✗'} ${check.name.padEnd(12)} ${seconds.padStart(6)} s`);
    for (const problem of problems) console.log(problem.replaceAll(/^/gm, '    '));
    const isPassed = problems.length === 0;
    totals = addTotals(totals, { passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1, skipped: 0 });
  }
  return totals;
}

async function findProblems(check: Check): Promise<readonly string[]> {
  try {
    return await check.find();
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}
