import { installedProgram, runProgram } from '../run-program.ts';
import type { Check } from './check.ts';

/** Far above what a check takes on a slow machine. */
const timeoutMs = 180_000;

/** A check that a tool makes: what it prints counts when it ends with another code than 0. */
export function programCheck(name: string, tool: string, args: readonly string[]): Check {
  return {
    name,
    async find() {
      const { exitCode, output } = await runProgram(installedProgram(tool), args, { timeoutMs });
      return exitCode === 0 ? [] : [output.trim() === '' ? `${tool} ended with ${exitCode}` : output.trim()];
    },
  };
}
