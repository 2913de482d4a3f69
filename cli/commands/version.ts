import { productVersion } from '#base/common/version.ts';
import { isHelperListening } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import { withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';

type Row = readonly [name: string, key: string, version: string | undefined];
type ConnectionVersions = CallOutput<'listVersions'>['connections'][number];

/** Shows the version of every part that runs. It starts nothing, and answers whatever the daemon's version is. */
export const version: Command<object> = async (invocation) => {
  const [daemon, isHelperRunning] = await Promise.all([
    daemonVersions(invocation),
    isHelperListening(invocation.paths.helperSocket),
  ]);
  const local: Row[] = [
    ['Client', 'client', `v${productVersion}`],
    ['Root Daemon', 'root_daemon', isHelperRunning ? `v${productVersion}` : undefined],
    ['User Daemon', 'user_daemon', daemon.version === undefined ? undefined : `v${daemon.version}`],
  ];
  const [first, ...others] = daemon.connections;
  // One connection is shown as scripts know it; several have a block each.
  const isOne = others.length === 0;
  const cluster = isOne && first !== undefined ? clusterRows(first) : [];
  const value = {
    ...valueOf([...local, ...cluster]),
    ...(isOne
      ? agentsOf(first)
      : {
          connections: daemon.connections.map((each) => ({ name: each.name, ...valueOf(clusterRows(each)), ...agentsOf(each) })),
        }),
  };
  invocation.output.result(value, () =>
    [
      ...lines([...local, ...cluster]),
      ...(isOne
        ? agentLines(first)
        : daemon.connections.flatMap((each) => [
            `${each.name}:`,
            ...indented([...lines(clusterRows(each)), ...agentLines(each)]),
          ])),
    ].join('\n'),
  );
  return 0;
};

function clusterRows({ manager, agentImage }: ConnectionVersions): Row[] {
  return [
    ['Traffic Manager', 'traffic_manager', manager?.version],
    ['Traffic Agent', 'traffic_agent', agentImage],
  ];
}

function valueOf(rows: readonly Row[]): Record<string, string> {
  return Object.fromEntries(rows.flatMap(([, key, found]) => (found === undefined ? [] : [[key, found]])));
}

function agentsOf(connection: ConnectionVersions | undefined): { traffic_agents?: ConnectionVersions['agents'] } {
  return connection === undefined || connection.agents.length === 0 ? {} : { traffic_agents: connection.agents };
}

function lines(rows: readonly Row[]): string[] {
  const width = 'Traffic Manager'.length;
  return rows
    .filter(([, key, found]) => found !== undefined || key.endsWith('daemon'))
    .map(([name, , found]) => `${name.padEnd(width)}: ${found ?? 'not running'}`);
}

/** Agents that are there, which may be older than the image that new ones have. */
function agentLines(connection: ConnectionVersions | undefined): string[] {
  return indented((connection?.agents ?? []).map((agent) => `${agent.workload}.${agent.namespace}: ${agent.version}`));
}

function indented(texts: readonly string[]): string[] {
  return texts.map((text) => `  ${text}`);
}

interface DaemonVersions {
  readonly version: string | undefined;
  readonly connections: readonly ConnectionVersions[];
}

async function daemonVersions(invocation: Invocation): Promise<DaemonVersions> {
  try {
    const api = await findDaemon(invocation);
    if (api === undefined) return { version: undefined, connections: [] };
    const { use } = invocation.globals;
    const { signal } = invocation;
    const found = await withApi(Promise.resolve(api), (open) =>
      open.call('listVersions', use === undefined ? {} : { use }, { signal }),
    );
    return { version: found.daemon, connections: found.connections };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'version-mismatch') throw error;
    return { version: String(error.context['daemonVersion']), connections: [] };
  }
}
