import { join } from 'node:path';
import type { Paths } from '#base/node/paths.ts';
import { readOutputTail, startDetached, waitForPath } from '#base/node/process-start.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ApiClient } from './client.ts';
import { findDaemonAt } from './find-daemon.ts';

/** A daemon is there in a fraction of a second; a laptop that is waking up may take longer. */
const startTimeoutMs = 15_000;

/** What it takes to start the user daemon. */
export interface DaemonLaunch {
  /** The Node that ships with the product. */
  readonly nodePath: string;
  /** `daemon/main.ts` from the source tree, or its bundle. */
  readonly daemonScript: string;
  readonly paths: Pick<Paths, 'daemonSocket' | 'logDirectory'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Starts the user daemon, which outlives this process, and waits until it answers. Where another starter was faster, that one's
 * daemon answers.
 *
 * A start that is given up is taken back.
 *
 * @throws AppError `daemon.start-failed` where it ended at once or did not answer in time, with what it printed.
 */
export async function launchDaemon(launch: DaemonLaunch): Promise<ApiClient> {
  const { paths, signal } = launch;
  const outputFile = join(paths.logDirectory, 'daemon-output.log');
  const child = startDetached({
    command: launch.nodePath,
    // Bulk traffic makes buffers that die young: a small nursery frees them sooner, which saves 50 MiB and costs no throughput.
    args: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1', launch.daemonScript],
    env: launch.env,
    outputFile,
  });
  const ended = new AbortController();
  // Exit code 0 says that another starter's daemon was faster, and that one will answer.
  void child.exited.then(({ outcome }) => (outcome === 0 ? undefined : ended.abort(outcome)));
  const limits = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(startTimeoutMs)]);
  const api = await waitForPath(paths.daemonSocket, () => findDaemonAt(paths.daemonSocket), limits);
  if (api !== undefined) return api;
  if (signal.aborted) {
    // Nobody has used it, and nobody would find it to end it before it listens.
    child.stop();
    throw AppError.from(signal.reason);
  }
  const printed = readOutputTail(outputFile);
  throw new AppError({
    code: 'daemon.start-failed',
    message: ended.signal.aborted
      ? `The Telepresence user daemon ended at once (${String(ended.signal.reason)})`
      : `The Telepresence user daemon did not answer within ${startTimeoutMs / 1_000} s`,
    ...(printed === '' ? {} : { reason: printed }),
    remedies: [{ label: `Look at the logs in ${paths.logDirectory}` }],
  });
}
