import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#protocol/errors/app-error.ts';

/** What it takes to start the privileged helper of one user. */
export interface HelperLaunch {
  /** The Node that ships with the product. */
  readonly nodePath: string;
  /** `helper/main.ts` from the source tree, or its bundle. */
  readonly helperScript: string;
  /** `Paths.helperInstance`: 12 hexadecimal digits. */
  readonly instance: string;
  /** Who may use the helper, beside root. */
  readonly uid: number;
  /** Whether the caller is root already, as in a container. */
  readonly asRoot: boolean;
}

/** How often a helper that is being started is looked for: well below what a person notices. */
const probeIntervalMs = 50;

/**
 * The command that starts the helper, as file and arguments for `spawn`: through `sudo` (which may ask for a password on the
 * terminal) unless the caller is root.
 *
 * The command ends as soon as the helper listens, with exit code 0; the helper itself goes on in a session of its own, out of
 * reach of the terminal's signals. Any other exit code means that there is no helper, with the reason on stderr.
 */
export function helperCommand(launch: HelperLaunch): { readonly file: string; readonly args: readonly string[] } {
  const { nodePath, helperScript, instance, uid, asRoot } = launch;
  const helper = [nodePath, helperScript, '--instance', instance, '--uid', String(uid), '--detach'];
  const [file = nodePath, ...args] = asRoot ? helper : ['sudo', '--', ...helper];
  return { file, args };
}

/** Whether somebody listens on the helper's socket. A file that a dead helper left does not count. */
export function isHelperListening(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection({ path: socketPath });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/**
 * Waits until the helper listens.
 *
 * @throws AppError `helper.not-running` after `timeoutMs`; the signal's reason where it aborts first.
 */
export async function waitForHelper(socketPath: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await isHelperListening(socketPath)) return;
    if (performance.now() >= deadline) {
      throw new AppError({
        code: 'helper.not-running',
        message: 'The privileged helper is not running',
        reason: `Nothing listens on ${socketPath}`,
        remedies: [{ label: 'Start it with a command that may ask for your password', command: 'telepresence connect' }],
      });
    }
    await delay(probeIntervalMs, undefined, signal === undefined ? {} : { signal });
  }
}
