import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { checkout, settings } from '../../e2e/support/settings.ts';

const script = join(checkout, 'e2e/kubernetes/cluster.sh');

/** Starts a cluster that is this run's own; returns its kubeconfig. */
export async function startOwnCluster(): Promise<string> {
  console.log('KUBECONFIG is not set: starting a cluster for this run.');
  const code = await cluster('up');
  if (code !== 0) throw new Error(`the cluster could not be started: cluster.sh up ended with ${code}`);
  return join(settings.clusterState, 'kubeconfig');
}

export async function stopOwnCluster(): Promise<void> {
  await cluster('down');
}

async function cluster(verb: 'up' | 'down'): Promise<number> {
  const { KUBECONFIG: _unset, ...env } = process.env;
  const child = spawn(script, [verb], { cwd: checkout, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
