import { execFile } from 'node:child_process';

/** One program of the layout, and whether it does what it has to. */
export interface LayoutResult {
  readonly name: string;
  /** Absent: well. */
  readonly problem?: string;
}

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** For one program to do its work. */
export const timeoutMs = 30_000;

/** Runs to the end, whatever that is. */
export function runProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, [...args], { env, cwd: '/', timeout: timeoutMs }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

export function result(name: string, { code, output }: Outcome, isWell: (output: string) => boolean, expected = 0): LayoutResult {
  if (code === expected && isWell(output)) return { name };
  return { name, problem: `ended with ${code}: ${output.trim().slice(0, 600)}` };
}
