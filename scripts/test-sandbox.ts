import { runProgram } from './run-program.ts';
import { runSandboxSuite } from './sandbox-suite.ts';
import { noTotals, totalsLine } from './totals.ts';

/** npm run test:sandbox: builds the product, and runs the acceptance suite in sandboxes. Arguments go to the suite. */
const build = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs: 120_000, isShown: true });
if (build.exitCode !== 0) console.log('The build failed');
const totals = build.exitCode === 0 ? await runSandboxSuite(process.argv.slice(2)) : { ...noTotals, failed: 1 };
console.log(`\n${totalsLine(totals)}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
