import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './checkout.ts';
import { runProgram } from './run-program.ts';

/** npm run bench: every benchmark; each figure is printed as a ratio with its bar. Arguments go to bench/run.ts. */
const entry = 'bench/run.ts';
const timeoutMs = 60 * 60_000;
if (existsSync(join(checkout, entry))) {
  const { exitCode } = await runProgram(process.execPath, [entry, ...process.argv.slice(2)], { timeoutMs, isShown: true });
  process.exitCode = exitCode;
} else {
  console.log(`${entry} is not available yet`);
}
