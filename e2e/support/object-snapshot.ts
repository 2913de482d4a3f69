import type { KubeClient } from '#net/kube/kube-client.ts';
import { KubeStatusError } from '#net/kube/kube-client.ts';
import type { KubeList, KubeObject } from './objects.ts';

interface ResourceList {
  readonly groupVersion: string;
  readonly resources: readonly { readonly name: string; readonly verbs: readonly string[]; readonly namespaced: boolean }[];
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

/** They come and go by themselves, and say nothing about what an installation left. */
const volatileResources = new Set([
  'events',
  'leases',
  'endpoints',
  'endpointslices',
  'componentstatuses',
  'ipaddresses',
  'controllerrevisions',
]);

/**
 * Every object of the cluster as a sorted list of `resource namespace/name`, of all kinds that can be listed. Two of them tell what an
 * installation added and what its removal left behind.
 */
export async function objectSnapshot(
  kube: KubeClient,
  ignoresNamespace: (namespace: string) => boolean = () => false,
): Promise<readonly string[]> {
  const groups = await kube.request<GroupList>({ method: 'GET', path: '/apis' });
  const versions = ['/api/v1', ...groups.groups.map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
  const found = await Promise.all(versions.map(async (path) => await objectsOf(kube, path)));
  return found
    .flat()
    .filter((object) => !ignoresNamespace(object.namespace))
    .map((object) => `${object.resource} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}`)
    .toSorted();
}

interface Found {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

async function objectsOf(kube: KubeClient, path: string): Promise<readonly Found[]> {
  const list = await kube.request<ResourceList>({ method: 'GET', path });
  const resources = list.resources.filter(
    ({ name, verbs }) => verbs.includes('list') && !name.includes('/') && !volatileResources.has(name),
  );
  const found: Found[] = [];
  for (const resource of resources) {
    const objects = await listOrNothing(kube, `${path}/${resource.name}`);
    for (const { metadata } of objects) {
      // Of namespaces, the name is what a filter looks at too.
      const namespace = metadata.namespace ?? '';
      found.push({ resource: resource.name, namespace: resource.name === 'namespaces' ? '' : namespace, name: metadata.name });
    }
  }
  return found;
}

async function listOrNothing(kube: KubeClient, path: string): Promise<readonly KubeObject[]> {
  try {
    return (await kube.request<KubeList<KubeObject>>({ method: 'GET', path })).items;
  } catch (error) {
    // Aggregated APIs may be out of order, and some kinds refuse to be listed.
    if (error instanceof KubeStatusError) return [];
    throw error;
  }
}
