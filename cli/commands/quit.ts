import { forgetConnections, leftConnections } from '#base/node/desired-state.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';
import { chooseName } from './choose-connections.ts';

/** Disconnects, and with `--stop-daemons` ends daemon and helper too. Nothing to end is no error. */
export const quit: Command<{ readonly stopDaemons?: boolean }> = async (invocation, { stopDaemons = false }) => {
  const api = await findDaemon(invocation, { isQuitOnly: stopDaemons });
  if (api === undefined) {
    await quitWithoutDaemon(invocation, stopDaemons);
    return 0;
  }
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

/** A daemon that was killed leaves what it had for the next one to take up, and its helper for some seconds. */
async function quitWithoutDaemon(invocation: Invocation, stopDaemons: boolean): Promise<void> {
  const { runtimeDirectory } = invocation.paths;
  const left = leftConnections(runtimeDirectory);
  if (stopDaemons) await stopWhatIsLeft(invocation, left);
  else disconnectLeft(invocation, left);
}

async function stopWhatIsLeft({ paths, output }: Invocation, left: readonly string[]): Promise<void> {
  const { quitHelper } = await import('#net/rpc/quit-helper.ts');
  const stopped = await quitHelper(paths.helperSocket);
  forgetConnections(paths.runtimeDirectory, left);
  const running = stopped
    ? 'Telepresence root daemon stopped; the user daemon was not running'
    : 'Telepresence daemons are not running';
  output.result({ stopped, forgotten: left }, () => (left.length === 0 ? running : `${running}\nForgot ${wasLeft(left)}`));
}

function disconnectLeft({ paths, globals, output }: Invocation, left: readonly string[]): void {
  const disconnected = left.length === 0 ? [] : [chooseName(left, globals.use)];
  forgetConnections(paths.runtimeDirectory, disconnected);
  output.result({ disconnected }, () =>
    disconnected.length === 0 ? 'Not connected' : `Disconnected from ${wasLeft(disconnected)}`,
  );
}

function wasLeft(names: readonly string[]): string {
  return `${names.join(', ')}, which a daemon that was killed had left, with ${names.length === 1 ? 'its' : 'their'} engagements`;
}
