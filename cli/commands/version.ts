import { productVersion } from '#base/common/version.ts';
import { isHelperListening } from '#base/node/helper-launch.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import { withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { chooseConnections } from './choose-connections.ts';

/** Shows the version of every part that runs. It starts nothing, and answers whatever the daemon's version is. */
export const version: Command<object> = async (invocation) => {
  const [daemon, isHelperRunning] = await Promise.all([
    daemonVersion(invocation),
    isHelperListening(invocation.paths.helperSocket),
  ]);
  const [connection] = daemon.connections;
  const manager = connection?.manager;
  const rows: [name: string, key: string, version: string | undefined][] = [
    ['Client', 'client', `v${productVersion}`],
    ['Root Daemon', 'root_daemon', isHelperRunning ? `v${productVersion}` : undefined],
    ['User Daemon', 'user_daemon', daemon.version === undefined ? undefined : `v${daemon.version}`],
    ['Traffic Manager', 'traffic_manager', manager?.version],
    ['Traffic Agent', 'traffic_agent', manager?.agentImage],
  ];
  const value = Object.fromEntries(rows.flatMap(([, key, found]) => (found === undefined ? [] : [[key, found]])));
  const width = Math.max(...rows.map(([name]) => name.length));
  invocation.output.result(value, () =>
    rows
      .filter(([, key, found]) => found !== undefined || key.endsWith('daemon'))
      .map(([name, , found]) => `${name.padEnd(width)}: ${found ?? 'not running'}`)
      .join('\n'),
  );
  return 0;
};

interface DaemonVersion {
  readonly version: string | undefined;
  readonly connections: readonly Connection[];
}

async function daemonVersion(invocation: Parameters<typeof version>[0]): Promise<DaemonVersion> {
  try {
    const api = await findDaemon(invocation);
    if (api === undefined) return { version: undefined, connections: [] };
    const state = await withApi(Promise.resolve(api), readState);
    return { version: state.daemon.version, connections: chooseConnections(state, invocation.globals.use) };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'version-mismatch') throw error;
    return { version: String(error.context['daemonVersion']), connections: [] };
  }
}
