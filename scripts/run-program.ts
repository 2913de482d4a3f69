import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from './checkout.ts';

export interface ProgramResult {
  /** Exit code; 128 + n is unknown here, so a signal counts as 1. */
  readonly exitCode: number;
  /** Both streams in the order of their arrival; empty where they were passed on. */
  readonly output: string;
}

export interface ProgramOptions {
  /** The whole process group is ended after this time. */
  readonly timeoutMs: number;
  /** Shows the output at once and keeps none. */
  readonly isShown?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program in the checkout, without standard input. */
export function runProgram(file: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { promise, resolve } = Promise.withResolvers<ProgramResult>();
  const isShown = options.isShown === true;
  const child = spawn(file, [...args], {
    cwd: checkout,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', isShown ? 'inherit' : 'pipe', isShown ? 'inherit' : 'pipe'],
    // A group of its own, so that a hanging grandchild ends with it.
    detached: true,
  });
  let output = '';
  const collect = (data: Buffer) => {
    output += data.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const endGroup = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended by itself.
    }
  };
  const onInterrupt = () => endGroup('SIGINT');
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const timer = setTimeout(() => {
    output += `\n${file} did not end within ${options.timeoutMs / 1_000} s\n`;
    if (isShown) console.error(output.trim());
    endGroup('SIGTERM');
    setTimeout(() => endGroup('SIGKILL'), 5_000).unref();
  }, options.timeoutMs);
  const finish = (exitCode: number) => {
    clearTimeout(timer);
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    resolve({ exitCode, output });
  };
  child.once('error', (error) => {
    output += `${error.message}\n`;
    finish(127);
  });
  child.once('close', (code) => finish(code ?? 1));
  return promise;
}

/** Path of a program that a package of this checkout brings. */
export function installedProgram(name: string): string {
  return join(checkout, 'node_modules/.bin', name);
}
