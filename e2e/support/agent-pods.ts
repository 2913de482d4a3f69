import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import type { Pod } from './objects.ts';

export const agentContainer = 'traffic-agent';

/** Pods of an `app` label that are not on their way out. */
export async function livePods(cluster: Cluster, namespace: string, app: string): Promise<readonly Pod[]> {
  const pods = await cluster.pods(namespace, `app=${app}`);
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export function hasAgent({ spec }: Pod): boolean {
  return spec.containers.some(({ name }) => name === agentContainer);
}

/** The one pod of an `app` label, once it is ready and alone. */
export async function onlyPod(cluster: Cluster, namespace: string, app: string): Promise<Pod> {
  return await eventually(`there is one pod of ${app}`, async () => {
    const [pod, ...others] = await cluster.pods(namespace, `app=${app}`);
    if (pod === undefined || others.length > 0) throw new Error(`there are ${others.length + (pod === undefined ? 0 : 1)}`);
    await cluster.readyPods(namespace, app);
    return pod;
  });
}

/** What a manifest says of a pod: all but names, addresses and times. Two of them tell what somebody changed. */
export function podEssence(pod: Pod): unknown {
  const { labels, annotations } = pod.metadata;
  const { nodeName: _node, ...spec } = pod.spec as Pod['spec'] & { readonly nodeName?: string };
  return { labels, annotations: annotations ?? {}, spec };
}
