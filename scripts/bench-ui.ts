import { runProgram } from './run-program.ts';

/** npm run bench:ui: how the window copes, in a real browser; each figure is printed with its bar. Arguments go to bench/ui/run.ts. */
const timeoutMs = 15 * 60_000;
const built = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs, isShown: true });
if (built.exitCode === 0) {
  const { exitCode } = await runProgram(process.execPath, ['bench/ui/run.ts', ...process.argv.slice(2)], {
    timeoutMs,
    isShown: true,
  });
  process.exitCode = exitCode;
} else process.exitCode = 1;
