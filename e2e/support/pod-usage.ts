import type { Cluster } from './cluster.ts';
import type { KubeList, KubeObject } from './objects.ts';

export interface PodUsage {
  readonly memoryMib: number;
  /** Since the pod began. */
  readonly cpuSeconds: number;
  /** When the kubelet looked, in milliseconds. */
  readonly at: number;
}

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly memory?: { readonly rssBytes?: number; readonly workingSetBytes?: number };
    readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds?: number };
  }[];
}

const mebibyte = 1024 * 1024;

/** What a namespace's pods use, by name, as their kubelets count it: some ten seconds old. */
export async function podUsage(cluster: Cluster, namespace: string): Promise<ReadonlyMap<string, PodUsage>> {
  const nodes = await cluster.kube.request<KubeList<KubeObject>>({ method: 'GET', path: '/api/v1/nodes' });
  const found = new Map<string, PodUsage>();
  for (const node of nodes.items) {
    const path = `/api/v1/nodes/${node.metadata.name}/proxy/stats/summary`;
    const { pods } = await cluster.kube.request<Summary>({ method: 'GET', path });
    for (const { podRef, memory, cpu } of pods) {
      if (podRef.namespace !== namespace) continue;
      found.set(podRef.name, {
        memoryMib: (memory?.rssBytes ?? memory?.workingSetBytes ?? 0) / mebibyte,
        cpuSeconds: (cpu?.usageCoreNanoSeconds ?? 0) / 1e9,
        at: Date.parse(cpu?.time ?? ''),
      });
    }
  }
  return found;
}
