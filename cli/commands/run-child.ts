import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CliIo } from '../invocation.ts';

export interface ChildOptions {
  /** Wins over the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal;
  readonly onStarted?: () => void;
}

/**
 * Runs a command in the foreground of the same terminal. Ctrl-C is its own to handle meanwhile; SIGTERM to this process is passed on,
 * and sent where `stop` aborts.
 *
 * @returns its exit code, or 128 and the signal's number as a shell has it.
 */
export async function runChild(command: readonly string[], io: CliIo, options: ChildOptions = {}): Promise<number> {
  const [file = '', ...args] = command;
  const release = io.interrupts.hold();
  let passOn: (() => void) | undefined;
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(file, args, { cwd: io.cwd, env: { ...io.env, ...options.env }, stdio: 'inherit' });
      passOn = () => child.kill('SIGTERM');
      process.on('SIGTERM', passOn);
      options.stop?.addEventListener('abort', passOn, { once: true });
      child.on('spawn', () => {
        options.onStarted?.();
        if (options.stop?.aborted === true) child.kill('SIGTERM');
      });
      child.on('error', (error: NodeJS.ErrnoException) => reject(startError(file, error)));
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    release();
    if (passOn !== undefined) {
      process.off('SIGTERM', passOn);
      options.stop?.removeEventListener('abort', passOn);
    }
  }
}

function startError(file: string, error: NodeJS.ErrnoException): AppError {
  return new AppError(
    {
      code: 'not-found',
      message: `The command ${file} cannot be started`,
      reason: error.code === 'ENOENT' ? 'it is not on the PATH' : error.message,
    },
    error,
  );
}
