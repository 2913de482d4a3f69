import type { RecordEvent } from '../node/events.ts';
import { isPodReady, type Pod } from '../node/pod-types.ts';
import { controllerReference, fieldAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ownerKey, ownKey, type Reconciler } from './reconciler.ts';
import { controllerUser, isActive, isAvailable, ownedPods, type StatefulSet, templateHash } from './workload-types.ts';

const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

/** Keeps pods with names that stay: one after another, and from the last to the first where the template changes. */
export function statefulSetController(store: ObjectStore, recordEvent: RecordEvent): Reconciler {
  return {
    name: 'statefulset-controller',
    watches: [
      { resource: resources.statefulSets, keys: ownKey },
      { resource: resources.pods, keys: ownerKey('StatefulSet') },
    ],
    reconcile: async (namespace, name) => {
      const set = store.get<StatefulSet>(resources.statefulSets, namespace, name);
      if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
      const revision = `${name}-${templateHash(set.spec.template)}`;
      keepRevision(store, set, revision);
      try {
        await step(store, recordEvent, set, { name: revision, template: set.spec.template });
      } finally {
        writeStatus(store, set, revision);
      }
    },
  };
}

interface Revision {
  readonly name: string;
  readonly template: StatefulSet['spec']['template'];
}

/** Pods below the partition stay what they were, those that have to be made anew, too. */
function revisionFor(store: ObjectStore, set: StatefulSet, ordinal: number, update: Revision): Revision {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  const name = textAt(set.status, 'currentRevision');
  if (type === 'OnDelete' || ordinal >= (rollingUpdate?.partition ?? 0) || name === '') return update;
  const kept = store.get(resources.controllerRevisions, set.metadata.namespace, name);
  const template = fieldAt(kept, 'data', 'spec', 'template') as (Revision['template'] & { readonly $patch?: string }) | undefined;
  if (template === undefined) return update;
  const { $patch: _patch, ...rest } = template;
  return { name, template: rest };
}

/** What the revisions of the template were, as others look them up. */
function keepRevision(store: ObjectStore, set: StatefulSet, revision: string): void {
  const { namespace, name } = set.metadata;
  if (store.get(resources.controllerRevisions, namespace, revision) !== undefined) return;
  const former = store
    .list(resources.controllerRevisions, { namespace })
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === set.metadata.uid) === true);
  const last = Math.max(0, ...former.map((object) => Number(object['revision'] ?? 0)));
  store.create(resources.controllerRevisions, {
    metadata: {
      name: revision,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...set.spec.selector?.matchLabels, [revisionLabel]: revision.slice(name.length + 1) },
      ownerReferences: [controllerReference(set)],
    },
    data: { spec: { template: { ...set.spec.template, $patch: 'replace' } } },
    revision: last + 1,
  });
}

/** One step; the next follows from what it brings about. */
async function step(store: ObjectStore, recordEvent: RecordEvent, set: StatefulSet, update: Revision): Promise<void> {
  const { replicas = 1, podManagementPolicy, updateStrategy } = set.spec;
  const isOrdered = podManagementPolicy !== 'Parallel';
  const pods = new Map(ownedPods(store, set).map((pod) => [ordinalOf(set, pod), pod]));
  const remove = (pod: Pod) => {
    store.remove(resources.pods, pod.metadata.namespace, pod.metadata.name);
    recordEvent(set, {
      type: 'Normal',
      reason: 'SuccessfulDelete',
      message: `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`,
    });
  };
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const pod = pods.get(ordinal);
    if (pod === undefined) await createPod(store, recordEvent, set, ordinal, revisionFor(store, set, ordinal, update));
    else if (!isActive(pod) && pod.metadata.deletionTimestamp === undefined) remove(pod);
    if (isOrdered && (pod === undefined || !isActive(pod) || !isAvailable(pod, set.spec.minReadySeconds))) return;
  }
  const surplus = [...pods].filter(([ordinal]) => ordinal >= replicas).toSorted(([a], [b]) => b - a);
  for (const [, pod] of surplus) {
    if (pod.metadata.deletionTimestamp === undefined) remove(pod);
    if (isOrdered) return;
  }
  if (updateStrategy?.type === 'OnDelete') return;
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let ordinal = replicas - 1; ordinal >= partition; ordinal -= 1) {
    const pod = pods.get(ordinal);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    if (pod.metadata.labels?.[revisionLabel] !== update.name) {
      remove(pod);
      return;
    }
    // The next one waits until this one serves.
    if (!isPodReady(pod)) return;
  }
}

async function createPod(
  store: ObjectStore,
  recordEvent: RecordEvent,
  set: StatefulSet,
  ordinal: number,
  revision: Revision,
): Promise<void> {
  const { metadata = {}, spec } = revision.template;
  const { namespace } = set.metadata;
  const name = `${set.metadata.name}-${ordinal}`;
  const labels = { ...metadata.labels, [revisionLabel]: revision.name, [nameLabel]: name, [indexLabel]: String(ordinal) };
  await store.createAdmitted(
    resources.pods,
    {
      metadata: {
        ...metadata,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels,
        ownerReferences: [controllerReference(set)],
      },
      spec: { ...spec, hostname: name, ...(set.spec.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }) },
    },
    { user: controllerUser('statefulset-controller') },
  );
  recordEvent(set, {
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message: `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
  });
}

function ordinalOf(set: StatefulSet, pod: Pod): number {
  return Number(pod.metadata.name.slice(set.metadata.name.length + 1));
}

function writeStatus(store: ObjectStore, set: StatefulSet, revision: string): void {
  const { namespace, name, generation = 1 } = set.metadata;
  const pods = ownedPods(store, set).filter(isActive);
  const ofRevision = (wanted: string) => pods.filter(({ metadata }) => metadata.labels?.[revisionLabel] === wanted).length;
  const desired = set.spec.replicas ?? 1;
  const updated = ofRevision(revision);
  const isComplete = updated === desired && pods.length === desired && pods.every(isPodReady);
  const former = textAt(set.status, 'currentRevision');
  const current = isComplete || former === '' ? revision : former;
  store.patch<StatefulSet>(resources.statefulSets, namespace, name, (object) => ({
    ...object,
    status: {
      observedGeneration: generation,
      replicas: pods.length,
      readyReplicas: pods.filter(isPodReady).length,
      availableReplicas: pods.filter((pod) => isAvailable(pod, set.spec.minReadySeconds)).length,
      currentReplicas: ofRevision(current),
      updatedReplicas: updated,
      currentRevision: current,
      updateRevision: revision,
      collisionCount: 0,
    },
  }));
}
