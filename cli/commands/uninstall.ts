import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { openDaemon, requireDaemon, withApi } from '../daemon/open-daemon.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';

interface UninstallOptions extends KubeFlagOptions {
  readonly allAgents?: boolean;
  readonly everything?: boolean;
  readonly managerNamespace?: string;
}

/** Takes agents out of workloads; with `--everything` the traffic-manager and the daemons go too. */
export const uninstall: Command<UninstallOptions> = async (invocation, options, workloads) => {
  const { allAgents = false, everything = false } = options;
  const ways = [workloads.length > 0, allAgents, everything].filter((isChosen) => isChosen);
  if (ways.length !== 1) {
    throw new AppError({
      code: 'usage',
      message:
        ways.length === 0
          ? 'Name the workloads, or give --all-agents or --everything'
          : 'Names of workloads, --all-agents and --everything exclude each other',
      remedies: [{ label: 'See which workloads have agents', command: 'telepresence list --agents' }],
    });
  }
  if (everything) return await removeEverything(invocation, options);
  return await withApi(requireDaemon(invocation), async (api) => {
    const { globals, output, progress } = invocation;
    const input = { workloads: [...workloads], all: allAgents, ...(globals.use === undefined ? {} : { use: globals.use }) };
    const { removed } = await api.call('uninstallAgents', input, stageProgress(invocation));
    progress.clear();
    output.result({ removed }, () => {
      if (removed.length > 0)
        return removed.map(({ name, namespace }) => `Removed the agents of ${name}.${namespace}`).join('\n');
      return allAgents ? 'No workload has agents' : `No agents in ${workloads.join(', ')}`;
    });
    return 0;
  });
};

/** The traffic-manager takes its agents with it. */
async function removeEverything(invocation: Invocation, options: UninstallOptions): Promise<number> {
  return await withApi(openDaemon(invocation), async (api) => {
    const { output, progress } = invocation;
    const target = await managerOf(invocation, options, api);
    const { removed, namespace } = await api.call('uninstall', { ...target, dryRun: false }, stageProgress(invocation));
    await api.call('quit', {}, stageProgress(invocation));
    // The daemon's socket closes with its process, so that the next command starts afresh.
    await api.closed;
    progress.clear();
    output.result(
      { removed, namespace, stopped: true },
      () => `Traffic Manager and agents uninstalled from namespace ${namespace}\nTelepresence daemons stopped`,
    );
    return 0;
  });
}

/** The traffic-manager that the flags name; without flags, the one that is connected to. */
async function managerOf({ globals, io, signal }: Invocation, options: UninstallOptions, api: ApiClient) {
  const target = kubeInput(options, io);
  const fromEnvironment = options.managerNamespace ?? (io.env['TELEPRESENCE_MANAGER_NAMESPACE'] || undefined);
  const asAsked = { ...target, ...(fromEnvironment === undefined ? {} : { managerNamespace: fromEnvironment }) };
  if (Object.keys(target.kubeFlags).length > 0) return asAsked;
  const { readState } = await import('#net/rpc/state-mirror.ts');
  const { chooseConnections } = await import('./choose-connections.ts');
  const [connection, ...others] = chooseConnections(await readState(api), globals.use);
  if (connection === undefined) return asAsked;
  if (others.length > 0) {
    throw new AppError({
      code: 'connection.ambiguous',
      message: 'There are several connections: it is not clear whose traffic-manager is meant',
      remedies: [{ label: 'Choose one with --use, or a cluster with --context' }],
    });
  }
  const { context, server, managerNamespace } = connection;
  const { contexts } = await api.call('listContexts', target, { signal });
  // The connection may have been made with another kubeconfig, where the same name is that of another cluster.
  if (!contexts.some((known) => known.name === context && isSameServer(known.server, server))) {
    throw new AppError({
      code: 'usage',
      message: `The connection "${connection.name}" is to a cluster that context "${context}" of the kubeconfig does not name`,
      remedies: [{ label: 'Say which cluster is meant, with the flags that it was connected with' }],
    });
  }
  return { ...target, kubeFlags: { context }, managerNamespace: options.managerNamespace ?? managerNamespace };
}

function isSameServer(one: string, other: string): boolean {
  return URL.parse(one)?.href === URL.parse(other)?.href;
}
