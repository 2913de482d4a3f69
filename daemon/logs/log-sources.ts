import { join } from 'node:path';
import type { Logger } from '#base/common/log.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import type { Connections } from '../connection/connections.ts';
import { hasAgent, listPods, type PodObject, podsOfWorkload } from './cluster-pods.ts';
import { helperLogFile, isReadable, type LaptopLogs } from './local-logs.ts';
import { withLogCluster } from './log-cluster.ts';

/** The logs that there are now: of the laptop, and of the pods of a namespace, or of one workload. */
export async function listLogSources(
  laptop: LaptopLogs,
  connections: Pick<Connections, 'target' | 'isEmpty'>,
  engagements: readonly Engagement[],
  input: CallInput<'listLogSources'>,
  signal: AbortSignal,
  logger: Logger,
): Promise<LogSource[]> {
  const sources: LogSource[] = [{ kind: 'daemon' }];
  if (await isReadable(helperLogFile(laptop.paths))) sources.push({ kind: 'helper' });
  if (await isReadable(join(laptop.paths.logDirectory, 'app.log'))) sources.push({ kind: 'app' });
  if (input.use === undefined && connections.isEmpty) return sources;
  const { connection } = connections.target(input.use);
  for (const engagement of engagements) {
    if (engagement.connection === connection.name && engagement.process !== undefined) {
      sources.push({ kind: 'handler', engagement: engagement.name });
    }
  }
  sources.push({ kind: 'manager' });
  try {
    sources.push(...(await podSources(connections, input, signal)));
  } catch (error) {
    // What is asked for in particular has to be there; else the laptop's own logs are worth more than none.
    if (input.workload !== undefined || input.namespace !== undefined || signal.aborted) throw error;
    logger.warn('The pods of the cluster cannot be listed', { error });
  }
  return sources;
}

async function podSources(
  connections: Pick<Connections, 'target'>,
  { use, namespace: asked, workload }: CallInput<'listLogSources'>,
  signal: AbortSignal,
): Promise<LogSource[]> {
  return await withLogCluster(connections, use, 'list pods', async ({ client, namespace: connected }) => {
    const namespace = asked ?? connected;
    const pods = await listPods(client, namespace, signal);
    const chosen = workload === undefined ? pods : await podsOfWorkload(client, pods, { namespace, workload }, signal);
    return chosen.flatMap(sourcesOf);
  });
}

function sourcesOf(pod: PodObject): LogSource[] {
  const { name, namespace } = pod.metadata;
  const containers = pod.spec.containers.filter((container) => container.name !== agentContainerName);
  return [
    ...containers.map((container) => ({ kind: 'pod' as const, namespace, pod: name, container: container.name })),
    ...(hasAgent(pod) ? [{ kind: 'agent' as const, namespace, pod: name }] : []),
  ];
}
