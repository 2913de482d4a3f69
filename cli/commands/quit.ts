import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';

/** Disconnects, and with `--stop-daemons` ends daemon and helper too. Nothing to end is no error. */
export const quit: Command<{ readonly stopDaemons?: boolean }> = async (invocation, { stopDaemons = false }) => {
  const api = await findDaemon(invocation, { isQuitOnly: stopDaemons });
  if (api === undefined) return await reportNothing(invocation, stopDaemons);
  try {
    if (stopDaemons) await stopAll(invocation, api);
    else await disconnect(invocation, api);
  } finally {
    api.close();
  }
  return 0;
};

async function stopAll(invocation: Invocation, api: ApiClient): Promise<void> {
  await api.call('quit', {}, stageProgress(invocation));
  // The daemon's socket closes with its process, so that the next command starts afresh.
  await api.closed;
  invocation.progress.clear();
  invocation.output.result({ stopped: true }, () => 'Telepresence daemons stopped');
}

async function disconnect(invocation: Invocation, api: ApiClient): Promise<void> {
  const { use } = invocation.globals;
  const { disconnected } = await api.call('disconnect', use === undefined ? {} : { use }, {
    onEvent: ({ stage }) => invocation.progress.stage(stage),
    signal: invocation.signal,
  });
  invocation.progress.clear();
  invocation.output.result({ disconnected }, () =>
    disconnected.length === 0 ? 'Not connected' : `Disconnected from ${disconnected.join(', ')}`,
  );
}

async function reportNothing(invocation: Invocation, stopDaemons: boolean): Promise<number> {
  if (stopDaemons) {
    // A helper outlives a daemon that was killed.
    const { quitHelper } = await import('#net/rpc/quit-helper.ts');
    await quitHelper(invocation.paths.helperSocket);
    invocation.output.result({ stopped: false }, () => 'Telepresence daemons are not running');
  } else {
    invocation.output.result({ disconnected: [] }, () => 'Not connected');
  }
  return 0;
}
