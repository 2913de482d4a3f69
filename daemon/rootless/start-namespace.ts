import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type HelperLaunch, waitForHelper } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';

export interface NamespaceStart extends Pick<HelperLaunch, 'nodePath' | 'helperScript' | 'instance'> {
  /** The helper's files are beside it. */
  readonly socketPath: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Where the helper of a connection listens; short, since the path of a Unix socket has to be. */
export function namespaceSocket(runtimeDirectory: string, connection: string): string {
  const digest = createHash('sha256').update(connection).digest('hex').slice(0, 8);
  return join(runtimeDirectory, `namespace-${digest}`, 'helper.sock');
}

/** Enough of a failed start's standard error for a message. */
const maxReasonLength = 500;

/**
 * Starts a helper that is root of user, network and mount namespaces of its own, and waits until it listens. It needs nobody's
 * permission where the system lets ordinary users make such namespaces.
 *
 * @throws AppError `helper.privileges` where it does not, `helper.not-running` where the helper takes too long.
 */
export async function startNamespace(start: NamespaceStart): Promise<void> {
  const directory = dirname(start.socketPath);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const helper = [start.nodePath, start.helperScript, '--instance', start.instance, '--rootless', directory];
  const child = spawn('unshare', ['--user', '--map-root-user', '--net', '--mount', '--', ...helper], {
    cwd: '/',
    // Signals of the daemon's terminal are not meant for it: it ends when the daemon's connection does.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new AbortController();
  let printed = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk) => {
    printed = (printed + String(chunk)).slice(-maxReasonLength);
  });
  child.once('error', (error) => ended.abort(notStarted(error.message)));
  child.once('exit', (code) => ended.abort(notStarted(printed.trim() === '' ? `exit code ${code}` : printed.trim())));
  try {
    await waitForHelper(start.socketPath, start.timeoutMs, AbortSignal.any([start.signal, ended.signal]));
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    child.unref();
  }
}

function notStarted(reason: string): AppError {
  return new AppError({
    code: 'helper.privileges',
    message: 'A network namespace for the connection could not be made',
    reason,
    remedies: [
      { label: 'See whether ordinary users may make one', command: 'unshare --user --map-root-user --net true' },
      { label: 'Where AppArmor forbids it', command: 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0' },
      { label: 'Or connect with root’s help', command: 'telepresence connect' },
    ],
  });
}
