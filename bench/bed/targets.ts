import { join } from 'node:path';
import { build } from 'esbuild';
import type { Cluster } from '../../e2e/support/cluster.ts';
import type { KubeObject } from '../../e2e/support/objects.ts';
import { deployment, programConfigMap, service } from '../../e2e/workloads/manifests.ts';
import { ports } from '../programs/ports.ts';

/** What the loads are aimed at: one pod behind the service `targets`, and services whose only use is that nobody asked for them yet. */
export interface Targets {
  readonly namespace: string;
  readonly pod: string;
  readonly clusterIp: string;
  /** Each to be asked for once. */
  readonly freshNames: string[];
}

export const targetsName = 'targets';

export async function createTargets(cluster: Cluster, namespace: string, freshNames: number): Promise<Targets> {
  const tcp = Object.entries(ports).map(([name, port]) => ({ name, port }));
  await cluster.apply([
    programConfigMap(namespace, targetsName, await podProgram()),
    deployment(namespace, targetsName, { ports: tcp, readiness: { tcpSocket: { port: ports.http } } }),
    service(namespace, targetsName, tcp),
  ]);
  const names = Array.from({ length: freshNames }, (_, index) => `fresh-${index}`);
  await cluster.apply(names.map((name): KubeObject => service(namespace, name, [{ name: 'http', port: 80 }])));
  const [pod] = await cluster.readyPods(namespace, targetsName);
  return {
    namespace,
    pod: pod?.metadata.name ?? '',
    clusterIp: await cluster.clusterIp(namespace, targetsName),
    freshNames: names.map((name) => `${name}.${namespace}.svc.cluster.local`),
  };
}

export async function podProgram(): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, '../programs/pod.ts')],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    write: false,
    logLevel: 'warning',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error('esbuild made nothing of pod.ts');
  return file.text;
}
