import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { healSandbox, injectFault } from '../sandbox/inject.ts';
import { mustRun } from './program.ts';
import { checkout, settings } from './settings.ts';

/** Why the whole cluster cannot be without its API server for a while, or undefined where it can. */
export function missingForOutage(): string | undefined {
  return settings.sandbox !== undefined || settings.mayDisruptCluster ? undefined : 'E2E_DISRUPT_CLUSTER is not set';
}

/** The whole cluster is without its API server for so long: laptops, node, traffic-manager and the cluster's own controllers. */
export async function withoutApiServer(forMs: number): Promise<void> {
  if (settings.sandbox !== undefined) {
    // Its node is the same process: what is connected stays so, and nobody is answered.
    await injectFault({ kind: 'api', path: '.*', effect: { kind: 'reset' } });
    await sleep(forMs);
    await healSandbox();
    return;
  }
  const script = join(checkout, 'e2e/kubernetes/cluster.sh');
  const env = { ...process.env, CLUSTER_STATE: settings.clusterState };
  await mustRun([script, 'stop', 'apiserver'], { env });
  await sleep(forMs);
  await mustRun([script, 'up'], { env, timeoutMs: 100_000 });
}
