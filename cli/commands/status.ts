import { isHelperListening } from '#base/node/helper-launch.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import { withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { chooseConnections } from './choose-connections.ts';
import { statusDocument } from './status-model.ts';
import { statusLines } from './status-text.ts';

/** Shows what runs. It starts nothing. */
export const status: Command<{ readonly multiDaemon?: boolean }> = async (invocation, { multiDaemon = false }) => {
  const [api, isHelperRunning] = await Promise.all([findDaemon(invocation), isHelperListening(invocation.paths.helperSocket)]);
  if (api === undefined) reportStopped(invocation, isHelperRunning, multiDaemon);
  else report(invocation, await withApi(Promise.resolve(api), readState), isHelperRunning, multiDaemon);
  return 0;
};

function report(invocation: Invocation, state: DaemonState, isHelperRunning: boolean, multiDaemon: boolean): void {
  const connections = chooseConnections(state, invocation.globals.use);
  const shown = connections.length === 0 ? [undefined] : connections;
  const documents = shown.map((connection) => statusDocument(state, connection, isHelperRunning));
  const value = multiDaemon || documents.length > 1 ? { connections: connections.length === 0 ? [] : documents } : documents[0];
  invocation.output.result(value, () =>
    shown
      .map((connection) => [
        ...(shown.length > 1 ? [`Connection ${connection?.name ?? ''}`] : []),
        ...statusLines(state, connection, isHelperRunning),
      ])
      .map((lines) => lines.join('\n'))
      .join('\n\n'),
  );
}

function reportStopped(invocation: Invocation, isHelperRunning: boolean, multiDaemon: boolean): void {
  const value = {
    user_daemon: { running: false, state: 'off', status: 'Not connected' },
    root_daemon: { running: isHelperRunning },
  };
  invocation.output.result(multiDaemon ? { connections: [] } : value, () =>
    [
      'User Daemon: Not running',
      `Root Daemon: ${isHelperRunning ? 'Running' : 'Not running'}`,
      'Traffic Manager: Not connected',
    ].join('\n'),
  );
}
