import { join, resolve } from 'node:path';
import { readOutputTail, startDetached, waitForPath } from '#base/node/process-start.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Invocation } from '../invocation.ts';
import { findDaemon } from './find-daemon.ts';

/** A daemon is there in a fraction of a second; a laptop that is waking up may take longer. */
const startTimeoutMs = 15_000;

/** Starts the user daemon and waits until it answers. `announce` tells the person. */
export async function startDaemon(invocation: Invocation, announce: (text: string) => void): Promise<ApiClient> {
  const { io, paths, globals } = invocation;
  announce('Launching Telepresence User Daemon');
  const outputFile = join(paths.logDirectory, 'daemon-output.log');
  const child = startDetached({
    command: process.execPath,
    // Bulk traffic makes buffers that die young: a small nursery frees them sooner, which saves 50 MiB and costs no throughput.
    args: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1', io.programs.daemon],
    env: {
      ...io.env,
      ...(globals.config === undefined ? {} : { TELEPRESENCE_CONFIG: paths.configFile }),
      ...(globals.logfile === undefined ? {} : { TELEPRESENCE_LOGFILE: resolve(io.cwd, globals.logfile) }),
    },
    outputFile,
  });
  const ended = new AbortController();
  // Exit code 0 says that another command's daemon was faster, and that one will answer.
  void child.exited.then(({ outcome }) => (outcome === 0 ? undefined : ended.abort(outcome)));
  const signal = AbortSignal.any([invocation.signal, ended.signal, AbortSignal.timeout(startTimeoutMs)]);
  const api = await waitForPath(paths.daemonSocket, () => findDaemon(invocation), signal);
  if (api !== undefined) return api;
  if (invocation.signal.aborted) throw AppError.from(invocation.signal.reason);
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
