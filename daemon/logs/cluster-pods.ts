import type { KubeClient } from '#net/kube/kube-client.ts';
import { KubeStatusError } from '#net/kube/kube-client.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';

/** A pod as far as its logs need it. The whole object is kept for who wants to see it. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly creationTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  };
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
}

interface PodList {
  readonly metadata?: { readonly continue?: string };
  readonly items: readonly PodObject[];
}

const pageSize = 500;

/** Pods of a namespace; of all namespaces where none is named. @throws KubeStatusError 403 where this user may not list them. */
export async function listPods(
  client: KubeClient,
  namespace: string | undefined,
  signal: AbortSignal,
  labelSelector?: string,
): Promise<PodObject[]> {
  const path = namespace === undefined ? '/api/v1/pods' : `${namespacePath(namespace)}/pods`;
  const pods: PodObject[] = [];
  let next: string | undefined;
  do {
    const query = { limit: pageSize, continue: next, labelSelector };
    const page = await client.request<PodList>({ method: 'GET', path, query, signal });
    pods.push(...page.items);
    next = page.metadata?.continue;
  } while (next !== undefined && next !== '');
  return pods;
}

/** Pods behind the Service of the traffic-manager, the newest first, ready or not. */
export async function listManagerPods(client: KubeClient, namespace: string, signal: AbortSignal): Promise<PodObject[]> {
  const service = await client.find<{ readonly spec?: { readonly selector?: Readonly<Record<string, string>> } }>(
    `${namespacePath(namespace)}/services/traffic-manager`,
    signal,
  );
  const selector = Object.entries(service?.spec?.selector ?? { app: 'traffic-manager' }).map(([key, value]) => `${key}=${value}`);
  const pods = await listPods(client, namespace, signal, selector.join(','));
  return pods.toSorted((a, b) => createdAt(b) - createdAt(a));
}

/** In the given namespaces; without any in all, or in `fallback` where this user may not list all. */
export async function listAgentPods(
  client: KubeClient,
  namespaces: readonly string[],
  fallback: string,
  signal: AbortSignal,
): Promise<PodObject[]> {
  const pods: PodObject[] = [];
  if (namespaces.length === 0) {
    try {
      pods.push(...(await listPods(client, undefined, signal)));
    } catch (error) {
      if (!(error instanceof KubeStatusError && error.status === 403)) throw error;
      pods.push(...(await listPods(client, fallback, signal)));
    }
  }
  for (const namespace of namespaces) pods.push(...(await listPods(client, namespace, signal)));
  return pods.filter(hasAgent);
}

export function hasAgent({ spec }: PodObject): boolean {
  return spec.containers.some(({ name }) => name === agentContainerName);
}

/** Pods that a workload controls, itself or through its ReplicaSets. */
export async function podsOfWorkload(
  client: KubeClient,
  pods: readonly PodObject[],
  place: { readonly namespace: string; readonly workload: string },
  signal: AbortSignal,
): Promise<PodObject[]> {
  const { namespace, workload } = place;
  const sets = await client.request<PodList>({
    method: 'GET',
    path: `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/replicasets`,
    signal,
  });
  const owned = new Set(
    sets.items.filter((set) => isOwnedBy(set, (name) => name === workload)).map(({ metadata }) => metadata.name),
  );
  return pods.filter((pod) => pod.metadata.name === workload || isOwnedBy(pod, (name) => name === workload || owned.has(name)));
}

export function namespacePath(namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
}

function isOwnedBy({ metadata }: Pick<PodObject, 'metadata'>, matches: (name: string) => boolean): boolean {
  return (metadata.ownerReferences ?? []).some(({ name, controller }) => controller === true && matches(name));
}

function createdAt({ metadata }: PodObject): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}
