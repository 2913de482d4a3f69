import { spawn } from 'node:child_process';
import { type HelperLaunch, helperCommand, isHelperListening, waitForHelper } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';

export interface HelperStart extends HelperLaunch {
  /** `Paths.helperSocket`. */
  readonly socketPath: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Enough of a failed start's standard error for a message. */
const maxReasonLength = 500;

/**
 * Makes sure that a helper listens, starting one where there is none. The daemon has no terminal: where `sudo` would have to ask
 * for a password, this fails, and the CLI or the app has to start the helper.
 *
 * @throws AppError `helper.privileges` where the start was refused; `helper.not-running` where it took too long.
 */
export async function ensureHelper(start: HelperStart): Promise<void> {
  if (await isHelperListening(start.socketPath)) return;
  const { file, args } = helperCommand(start);
  const unattended = start.asRoot ? args : ['--non-interactive', ...args];
  const signal = AbortSignal.any([AbortSignal.timeout(start.timeoutMs), ...(start.signal === undefined ? [] : [start.signal])]);
  await runToEnd(file, unattended, signal);
  await waitForHelper(start.socketPath, start.timeoutMs, start.signal);
}

async function runToEnd(file: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(file, [...args], { stdio: ['ignore', 'ignore', 'pipe'], signal });
  let reason = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk) => {
    reason = (reason + String(chunk)).slice(0, maxReasonLength);
  });
  child.once('error', (error) => reject(signal.aborted ? AppError.from(signal.reason) : notStarted(error.message, error)));
  child.once('close', (code) => {
    if (code === 0) resolve();
    else reject(notStarted(reason.trim() === '' ? `exit code ${code}` : reason.trim()));
  });
  await promise;
}

function notStarted(reason: string, cause?: unknown): AppError {
  return new AppError(
    {
      code: 'helper.privileges',
      message: 'The privileged helper could not be started',
      reason,
      remedies: [{ label: 'Connect from a terminal, where sudo can ask for your password', command: 'telepresence connect' }],
    },
    cause,
  );
}
