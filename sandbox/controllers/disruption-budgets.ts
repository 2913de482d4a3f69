import type { LabelSelector } from '#protocol/chart/manager-environment.ts';
import { isPodReady, type Pod } from '../node/pod-types.ts';
import { fieldAt, type KubeObject } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ownKey, type Reconciler } from './reconciler.ts';
import { isActive, isSelected } from './workload-types.ts';

/** Counts how many pods a budget can do without, which evictions ask for. */
export function disruptionController(store: ObjectStore): Reconciler {
  return {
    name: 'disruption-controller',
    watches: [
      { resource: resources.podDisruptionBudgets, keys: ownKey },
      {
        resource: resources.pods,
        keys: ({ metadata }) => store.list(resources.podDisruptionBudgets, { namespace: metadata.namespace }).flatMap(ownKey),
      },
    ],
    reconcile: (namespace, name) => {
      const budget = store.get(resources.podDisruptionBudgets, namespace, name);
      if (budget === undefined) return;
      const selector = fieldAt(budget, 'spec', 'selector') as LabelSelector | undefined;
      const pods = store.list<Pod>(resources.pods, { namespace }).filter((pod) => isActive(pod) && isSelected(selector, pod));
      const healthy = pods.filter(isPodReady).length;
      const expected = expectedPods(store, pods);
      const desired = desiredHealthy(budget, expected);
      store.patch(resources.podDisruptionBudgets, namespace, name, (current) => ({
        ...current,
        status: {
          observedGeneration: budget.metadata.generation ?? 1,
          disruptionsAllowed: Math.max(0, healthy - desired),
          currentHealthy: healthy,
          desiredHealthy: desired,
          expectedPods: expected,
        },
      }));
    },
  };
}

/** As many as their controllers want, not as many as there happen to be. */
function expectedPods(store: ObjectStore, pods: readonly Pod[]): number {
  const owners = new Map(
    pods
      .flatMap(({ metadata }) => (metadata.ownerReferences ?? []).filter(({ controller }) => controller === true))
      .map(({ uid }) => [uid, store.getByUid(uid)]),
  );
  const single = pods.filter(({ metadata }) => (metadata.ownerReferences ?? []).length === 0).length;
  return single + [...owners.values()].reduce((sum, owner) => sum + Number(fieldAt(owner, 'spec', 'replicas') ?? 0), 0);
}

function desiredHealthy(budget: KubeObject, expected: number): number {
  const share = (value: unknown) =>
    typeof value === 'string' && value.endsWith('%') ? Math.ceil((Number.parseFloat(value) * expected) / 100) : Number(value);
  const least = fieldAt(budget, 'spec', 'minAvailable');
  if (least !== undefined) return share(least);
  return Math.max(0, expected - share(fieldAt(budget, 'spec', 'maxUnavailable') ?? 1));
}
