import type { RecordEvent } from '../node/events.ts';
import { isPodReady, type Pod } from '../node/pod-types.ts';
import { controllerReference } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ownerKey, ownKey, type Reconciler } from './reconciler.ts';
import { controllerUser, isActive, isAvailable, ownedPods, type ReplicaSet, workloadCondition } from './workload-types.ts';

/** Keeps as many pods as a ReplicaSet wants. */
export function replicaSetController(store: ObjectStore, recordEvent: RecordEvent): Reconciler {
  return {
    name: 'replicaset-controller',
    watches: [
      { resource: resources.replicaSets, keys: ownKey },
      { resource: resources.pods, keys: ownerKey('ReplicaSet') },
    ],
    reconcile: async (namespace, name) => {
      const set = store.get<ReplicaSet>(resources.replicaSets, namespace, name);
      if (set === undefined) return;
      try {
        if (set.metadata.deletionTimestamp === undefined) await scale(store, recordEvent, set);
        writeStatus(store, set);
      } catch (error) {
        writeStatus(store, set, error instanceof Error ? error.message : String(error));
        throw error;
      }
    },
  };
}

async function scale(store: ObjectStore, recordEvent: RecordEvent, set: ReplicaSet): Promise<void> {
  const pods = ownedPods(store, set).filter(isActive);
  const wanted = set.spec.replicas ?? 1;
  const { namespace, name } = set.metadata;
  for (let count = pods.length; count < wanted; count += 1) {
    const { metadata = {}, spec } = set.spec.template;
    try {
      const pod = await store.createAdmitted(
        resources.pods,
        {
          metadata: {
            ...metadata,
            generateName: `${name}-`,
            ...(namespace === undefined ? {} : { namespace }),
            ownerReferences: [controllerReference(set)],
          },
          spec,
        },
        { user: controllerUser('replicaset-controller') },
      );
      recordEvent(set, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${pod.metadata.name}` });
    } catch (error) {
      recordEvent(set, {
        type: 'Warning',
        reason: 'FailedCreate',
        message: `Error creating: ${error instanceof Error ? error.message : String(error)}`,
      });
      throw error;
    }
  }
  for (const pod of pods.toSorted(lessWorth).slice(0, Math.max(0, pods.length - wanted))) {
    store.remove(resources.pods, namespace, pod.metadata.name);
    recordEvent(set, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${pod.metadata.name}` });
  }
}

/** Those that do the least go first: not scheduled, not ready, the newest. */
function lessWorth(a: Pod, b: Pod): number {
  const worth = (pod: Pod) => (pod.spec.nodeName === undefined ? 0 : isPodReady(pod) ? 2 : 1);
  return worth(a) - worth(b) || b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp);
}

/** `refusal`: why a pod could not be made. */
function writeStatus(store: ObjectStore, set: ReplicaSet, refusal?: string): void {
  const { namespace, name } = set.metadata;
  if (store.get(resources.replicaSets, namespace, name)?.metadata.uid !== set.metadata.uid) return;
  const pods = ownedPods(store, set).filter(isActive);
  const ready = pods.filter(isPodReady).length;
  const available = pods.filter((pod) => isAvailable(pod, set.spec.minReadySeconds)).length;
  // The first refusal stays, for each names another pod, and every change of the status would lead to the next attempt.
  const former = set.status?.conditions ?? [];
  const failure = { type: 'ReplicaFailure', isTrue: true, reason: 'FailedCreate', message: refusal ?? '' };
  const conditions = refusal === undefined ? [] : former.length > 0 ? former : [workloadCondition([], failure)];
  store.patch<ReplicaSet>(resources.replicaSets, namespace, name, (current) => ({
    ...current,
    status: {
      replicas: pods.length,
      fullyLabeledReplicas: pods.length,
      ...(ready === 0 ? {} : { readyReplicas: ready }),
      ...(available === 0 ? {} : { availableReplicas: available }),
      observedGeneration: set.metadata.generation ?? 1,
      ...(conditions.length === 0 ? {} : { conditions }),
    },
  }));
  if (ready > available) setTimeout(() => writeStatus(store, set), (set.spec.minReadySeconds ?? 0) * 1000 + 100).unref();
}
