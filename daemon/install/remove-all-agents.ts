import { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { AgentWorkload } from '#protocol/local-api/model.ts';
import { Link } from '../link/link.ts';
import { managerError } from '../link/manager-error.ts';
import { removeAgents } from '../link/remove-agents.ts';
import type { ReleaseOperation } from './release-operation.ts';

/** Long enough for the pods of a few workloads to be replaced; whoever uninstalls should not wait for more. */
const deadlineMs = 30_000;

/**
 * Has the traffic-manager take its agents out of all pods, while it is still there to do so. Where that is not to be had, the removal
 * goes on without it, and the stage says so: agents let traffic pass, and go with the next pods.
 */
export async function removeAllAgents(
  operation: Pick<ReleaseOperation, 'client' | 'namespace' | 'logger' | 'signal' | 'stage'>,
  timeoutMs = deadlineMs,
): Promise<readonly AgentWorkload[]> {
  const { client, namespace, logger, signal, stage } = operation;
  stage('Removing agents from the workloads');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    // The link closes its client.
    const link = await Link.open(new KubeClient(client.credentials), namespace, logger, deadline);
    try {
      const removed = await removeAgents(link.desktop, { all: true }, deadline);
      logger.info('Agents were removed', { workloads: removed.map((workload) => `${workload.name}.${workload.namespace}`) });
      return removed;
    } finally {
      link.destroy();
    }
  } catch (thrown) {
    signal.throwIfAborted();
    const isLate = deadline.aborted && !(thrown instanceof AppError);
    const error = isLate
      ? new AppError({ code: 'timeout', message: `The traffic-manager did not answer within ${timeoutMs / 1_000} s` }, thrown)
      : managerError(thrown, { server: client.credentials.server.href, namespace });
    logger.warn('Agents could not be removed', { error });
    stage(`Agents may stay until their pods are replaced: ${error.message}`);
    return [];
  }
}
