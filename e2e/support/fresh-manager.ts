import type { Cluster } from './cluster.ts';
import { settings } from './settings.ts';

/**
 * Replaces the traffic-manager's pod, for tests of memory: a process keeps pages of whatever it did before, such as watching a thousand
 * workloads, which is not to be told from what is measured.
 */
export async function freshManager(cluster: Cluster): Promise<void> {
  const [former] = await cluster.readyPods(settings.managerNamespace, 'traffic-manager');
  if (former === undefined) return;
  await cluster.delete('Pod', former.metadata.name, settings.managerNamespace, 0);
  await cluster.readyPods(settings.managerNamespace, 'traffic-manager');
}
