import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { helperCommand } from '#base/node/helper-launch.ts';
import { readOutputTail } from '#base/node/process-start.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Invocation } from '../invocation.ts';

/** For a start that asks nobody: a helper listens in a fraction of a second. */
const startTimeoutMs = 15_000;

/**
 * Starts the helper: directly as root, else through sudo, which asks for a password where there is somebody to ask.
 *
 * @throws AppError `helper.privileges` where root's rights cannot be had, `helper.not-running` where the helper does not start.
 */
export async function startHelper(invocation: Invocation, announce: (text: string) => void): Promise<void> {
  const { io, paths, output, signal } = invocation;
  const uid = process.getuid?.() ?? 0;
  const asRoot = uid === 0;
  const launch = { nodePath: process.execPath, helperScript: io.programs.helper, instance: paths.helperInstance, uid, asRoot };
  const { file, args } = helperCommand(launch);
  const outputFile = join(paths.logDirectory, 'helper-output.log');
  mkdirSync(paths.logDirectory, { recursive: true, mode: 0o700 });
  const run = (runArgs: readonly string[], stdin: 'ignore' | 'inherit') =>
    runLauncher(invocation, { file, args: runArgs, stdin, outputFile });
  announce('Launching Telepresence Root Daemon');
  if (asRoot) {
    if ((await run(args, 'ignore')) !== 0) throw startError(invocation, outputFile);
    return;
  }
  // Without a question first: the rights may be there already, by a rule or by a recent password.
  if ((await run(['-n', ...args], 'ignore')) === 0) return;
  if (!io.isInteractive) throw privilegesError(readOutputTail(outputFile));
  invocation.progress.clear();
  output.note('The network interface and the name resolution of this laptop are set up by a small program that needs root.');
  output.note(`Running: ${[file, ...args].join(' ')}`);
  const exitCode = await run(args, 'inherit');
  if (signal.aborted) throw AppError.from(signal.reason);
  if (exitCode !== 0) throw privilegesError(readOutputTail(outputFile));
}

interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  /** sudo asks on the terminal itself; what it and the helper print goes to the file. */
  readonly stdin: 'ignore' | 'inherit';
  readonly outputFile: string;
}

/** The exit code; the launched program ends as soon as the helper listens. */
function runLauncher(invocation: Invocation, { file, args, stdin, outputFile }: Launch): Promise<number> {
  const output = openSync(outputFile, 'w', 0o600);
  const limits =
    stdin === 'inherit' ? invocation.signal : AbortSignal.any([invocation.signal, AbortSignal.timeout(startTimeoutMs)]);
  return new Promise<number>((resolve, reject) => {
    const child = spawn(file, [...args], {
      cwd: '/',
      env: { ...invocation.io.env },
      stdio: [stdin, output, output],
      signal: limits,
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') reject(AppError.from(limits.reason));
      else reject(error.code === 'ENOENT' ? privilegesError(`${file} is not installed`) : error);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  }).finally(() => closeSync(output));
}

function startError(invocation: Invocation, outputFile: string): AppError {
  const printed = readOutputTail(outputFile);
  return new AppError({
    code: 'helper.not-running',
    message: 'The Telepresence root daemon did not start',
    ...(printed === '' ? {} : { reason: printed }),
    remedies: [{ label: `Look at the logs in ${invocation.paths.logDirectory}` }],
  });
}

function privilegesError(reason: string): AppError {
  return new AppError({
    code: 'helper.privileges',
    message: 'The Telepresence root daemon cannot be started without root privileges',
    ...(reason === '' ? {} : { reason }),
    remedies: [
      { label: 'Run the command in a terminal, where sudo can ask for a password' },
      { label: 'Or get root for a moment before it', command: 'sudo -v' },
      { label: 'Or do without root, inside a shell of its own', command: 'telepresence connect --rootless' },
    ],
  });
}
