import { installedProgram, runProgram } from './run-program.ts';

/** npm run format [-- FILE…]: formats files and sorts their imports. */
const files = process.argv.slice(2);
const { exitCode } = await runProgram(installedProgram('biome'), ['check', '--write', ...files], {
  timeoutMs: 60_000,
  isShown: true,
});
process.exitCode = exitCode;
