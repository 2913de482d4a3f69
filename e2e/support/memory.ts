import { readFile } from 'node:fs/promises';
import type { Laptop } from '../laptop/laptop.ts';
import type { Cluster } from './cluster.ts';
import type { KubeList, KubeObject } from './objects.ts';
import { productProcesses } from './product.ts';

const mebibyte = 1024 * 1024;

/** Resident memory of the product's processes on the laptop, in MiB. */
export async function laptopMemoryMib(laptop: Laptop): Promise<number> {
  const own = (await laptop.processes()).filter(({ command }) =>
    Object.values(productProcesses).some((pattern) => pattern.test(command)),
  );
  const sizes = await Promise.all(
    own.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly memory?: { readonly rssBytes?: number; readonly workingSetBytes?: number };
  }[];
}

/** Memory of a namespace's pods by name, in MiB, as their kubelets count it: some ten seconds old. */
export async function podMemoryMib(cluster: Cluster, namespace: string): Promise<ReadonlyMap<string, number>> {
  const nodes = await cluster.kube.request<KubeList<KubeObject>>({ method: 'GET', path: '/api/v1/nodes' });
  const found = new Map<string, number>();
  for (const node of nodes.items) {
    const summary = await cluster.kube.request<Summary>({
      method: 'GET',
      path: `/api/v1/nodes/${node.metadata.name}/proxy/stats/summary`,
    });
    for (const { podRef, memory } of summary.pods) {
      if (podRef.namespace === namespace) found.set(podRef.name, (memory?.rssBytes ?? memory?.workingSetBytes ?? 0) / mebibyte);
    }
  }
  return found;
}
