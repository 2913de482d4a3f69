import { isDeepStrictEqual } from 'node:util';
import { fieldAt, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { allResources, type Resource, resources } from '../../store/resources.ts';
import { forbidden } from '../../store/status-error.ts';
import type { ObjectStore } from '../../store/store.ts';
import { formatQuantity, parseQuantity } from './quantities.ts';

type Amounts = Readonly<Record<string, number>>;

/** Counted by their own name, without a group. */
const plainCounts: readonly Resource[] = [
  resources.pods,
  resources.services,
  resources.secrets,
  resources.configMaps,
  resources.persistentVolumeClaims,
  resources.replicationControllers,
  resources.resourceQuotas,
];

/** @throws StatusError 403 where a quota of the namespace forbids the object */
export function requireQuota(store: ObjectStore, resource: Resource, object: KubeObject): void {
  const { namespace, name } = object.metadata;
  if (namespace === undefined) return;
  const requested = amountsOf(resource, object);
  for (const quota of store.list(resources.resourceQuotas, { namespace })) {
    const hard = hardOf(quota);
    const names = Object.keys(hard).filter((key) => (requested[key] ?? 0) > 0);
    const missing = resource === resources.pods ? missingIn(object, Object.keys(hard)) : [];
    if (missing.length > 0)
      throw forbidden(resource, name, `failed quota: ${quota.metadata.name}: must specify ${missing.join('; ')}`);
    const used = usedIn(store, namespace, names);
    const exceeded = names.filter((key) => (used[key] ?? 0) + (requested[key] ?? 0) > (hard[key] ?? 0));
    if (exceeded.length === 0) continue;
    const list = (amounts: Amounts) => exceeded.map((key) => `${key}=${formatQuantity(key, amounts[key] ?? 0)}`).join(',');
    const why = `requested: ${list(requested)}, used: ${list(used)}, limited: ${list(hard)}`;
    throw forbidden(resource, name, `exceeded quota: ${quota.metadata.name}, ${why}`);
  }
}

/** Keeps the status of quotas true. Returns the way to end it. */
export function countQuotas(store: ObjectStore): () => void {
  const count = (namespace: string | undefined) => {
    for (const quota of store.list(resources.resourceQuotas, { namespace })) {
      const hard = fieldAt(quota, 'spec', 'hard') ?? {};
      const used = usedIn(store, quota.metadata.namespace ?? '', Object.keys(hard));
      const status = {
        hard,
        used: Object.fromEntries(Object.entries(used).map(([key, value]) => [key, formatQuantity(key, value)])),
      };
      if (!isDeepStrictEqual(quota.status, status)) store.updateStatus(resources.resourceQuotas, { ...quota, status });
    }
  };
  const stops = allResources
    .filter(({ isNamespaced }) => isNamespaced)
    .map((resource) => store.watch(resource, {}, ({ object }) => count(object.metadata.namespace)));
  return () => {
    for (const stop of stops) stop();
  };
}

function hardOf(quota: KubeObject): Amounts {
  const hard = (fieldAt(quota, 'spec', 'hard') ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(hard).map(([key, value]) => [key, parseQuantity(value)]));
}

function usedIn(store: ObjectStore, namespace: string, names: readonly string[]): Amounts {
  const sums = new Map<string, number>(names.map((key) => [key, 0]));
  for (const resource of allResources.filter(({ isNamespaced }) => isNamespaced)) {
    for (const object of store.list(resource, { namespace })) {
      for (const [key, amount] of Object.entries(amountsOf(resource, object))) {
        const sum = sums.get(key);
        if (sum !== undefined) sums.set(key, sum + amount);
      }
    }
  }
  return Object.fromEntries(sums);
}

function amountsOf(resource: Resource, object: KubeObject): Amounts {
  const { plural, group } = resource;
  const counted = {
    [group === '' ? `count/${plural}` : `count/${plural}.${group}`]: 1,
    ...(plainCounts.includes(resource) ? { [plural]: 1 } : {}),
  };
  if (resource !== resources.pods) return counted;
  // What has ended takes nothing any more.
  if (['Succeeded', 'Failed'].includes(textAt(object, 'status', 'phase'))) return { [`count/${plural}`]: 1 };
  const compute = ['requests', 'limits'].flatMap((kind) =>
    ['cpu', 'memory', 'ephemeral-storage'].map((name) => [`${kind}.${name}`, podAmount(object, kind, name)] as const),
  );
  const requests = compute
    .filter(([key]) => key.startsWith('requests.'))
    .map(([key, value]) => [key.replace('requests.', ''), value] as const);
  return { ...counted, ...Object.fromEntries([...compute, ...requests]) };
}

/** What the containers take together, or the init container that takes most. */
export function podAmount(pod: KubeObject, kind: string, name: string): number {
  const amount = (container: unknown) => parseQuantity(fieldAt(container, 'resources', kind, name) ?? 0);
  const sum = listAt(pod, 'spec', 'containers').reduce((total, container) => total + amount(container), 0);
  return Math.max(sum, ...listAt(pod, 'spec', 'initContainers').map(amount));
}

/** `limits.memory for: agent`: what a quota counts, each container has to say. */
function missingIn(pod: KubeObject, counted: readonly string[]): readonly string[] {
  const containers = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')];
  return counted.flatMap((key) => {
    const [kind = '', name = ''] = key.includes('.') ? key.split('.') : ['requests', key];
    if (!['requests', 'limits'].includes(kind) || !['cpu', 'memory', 'ephemeral-storage'].includes(name)) return [];
    const silent = containers.filter((container) => fieldAt(container, 'resources', kind, name) === undefined);
    return silent.length === 0 ? [] : [`${key} for: ${silent.map((container) => textAt(container, 'name')).join(',')}`];
  });
}
