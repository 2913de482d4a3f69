import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base/common/log.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput } from '#protocol/local-api/local-api.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import type { Connections } from '../connection/connections.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { listManagerPods } from './cluster-pods.ts';
import { followFiles } from './follow-files.ts';
import { type LaptopLogs, laptopLogFiles } from './local-logs.ts';
import { type LogCluster, withLogCluster } from './log-cluster.ts';
import { LogLots } from './log-lots.ts';
import { followPodLog } from './pod-log.ts';

export interface TailOptions {
  readonly laptop: LaptopLogs;
  readonly connections: Pick<Connections, 'target'>;
  readonly engagements: () => readonly Engagement[];
  readonly emit: (event: CallEvent<'tailLog'>) => void;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Between looks for a traffic-manager that comes after the one that is gone. */
const successorEveryMs = 2_000;

/** Resolves when `signal` aborts, or the pod is gone. @throws AppError where there is no such log. */
export async function tailLog({ use, source, history }: CallInput<'tailLog'>, options: TailOptions): Promise<void> {
  const { laptop, connections, emit, signal, logger } = options;
  const lots = new LogLots(emit);
  try {
    switch (source.kind) {
      case 'daemon':
      case 'helper':
      case 'app':
        return await followFiles(laptopLogFiles(laptop, source, ''), history, lots, signal);
      case 'handler':
        return await followFiles(laptopLogFiles(laptop, source, ownerOf(source.engagement, use, options)), history, lots, signal);
      case 'manager':
        return await withLogCluster(connections, use, "read the traffic-manager's log", async (cluster) => {
          await followManager(cluster, { history, lots, signal, logger });
        });
      case 'agent':
      case 'pod': {
        const { namespace, pod } = source;
        const container = source.kind === 'agent' ? agentContainerName : source.container;
        return await withLogCluster(
          connections,
          use,
          `read the log of pod ${pod} in namespace ${namespace}`,
          async ({ client }) => {
            await followPodLog(client, { namespace, pod, container }, { history, lots, signal, logger });
          },
        );
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    lots.close();
  }
}

function ownerOf(engagement: string, use: string | undefined, { engagements, connections }: TailOptions): string {
  const owners = engagements().filter(({ name, process }) => name === engagement && process !== undefined);
  const chosen = use === undefined ? undefined : connections.target(use).connection.name;
  const owner = owners.find(({ connection }) => chosen === undefined || connection === chosen);
  if (owner !== undefined) return owner.connection;
  throw new AppError({
    code: 'not-found',
    message: `"${engagement}" has no handler that Telepresence runs`,
    reason: 'It has ended, or was begun without a command',
  });
}

/** One pod after the other, as they replace each other. */
async function followManager(
  { client, managerNamespace: namespace, server }: LogCluster,
  options: { readonly history: number; readonly lots: LogLots; readonly signal: AbortSignal; readonly logger: Logger },
): Promise<void> {
  const { signal, logger } = options;
  let former = '';
  while (!signal.aborted) {
    try {
      const [newest] = await listManagerPods(client, namespace, signal);
      if (newest !== undefined && newest.metadata.name !== former) {
        const pod = newest.metadata.name;
        const container = newest.spec.containers[0]?.name ?? 'traffic-manager';
        const history = former === '' ? options.history : 10_000;
        await followPodLog(client, { namespace, pod, container }, { ...options, history });
        former = pod;
      } else if (former === '') {
        throw new AppError({ code: 'not-found', message: `There is no pod of a traffic-manager in namespace ${namespace}` });
      }
    } catch (error) {
      if (signal.aborted) return;
      if (former === '') throw error;
      logger.debug("The traffic-manager's log is not there yet", { error: clusterError(error, { server, action: 'read logs' }) });
    }
    await sleep(successorEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
