import type { RecordEvent } from '../node/events.ts';
import type { Condition } from '../node/pod-types.ts';
import { controllerReference } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ownerKey, ownKey, type Reconciler } from './reconciler.ts';
import { type Deployment, isSameTemplate, type ReplicaSet, templateHash, workloadCondition } from './workload-types.ts';

const hashLabel = 'pod-template-hash';
const revisionAnnotation = 'deployment.kubernetes.io/revision';
const restartsWithoutRevision = /^(kubectl\.kubernetes\.io\/last-applied-configuration|deployment\.kubernetes\.io\/)/;

/** Rolls pods over to a Deployment's template, through ReplicaSets. */
export function deploymentController(store: ObjectStore, recordEvent: RecordEvent): Reconciler {
  return {
    name: 'deployment-controller',
    watches: [
      { resource: resources.deployments, keys: ownKey },
      { resource: resources.replicaSets, keys: ownerKey('Deployment') },
    ],
    reconcile: (namespace, name) => {
      const deployment = store.get<Deployment>(resources.deployments, namespace, name);
      if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
      const sets = ownedSets(store, deployment);
      const current = currentSet(sets, deployment);
      if (deployment.spec.paused !== true) {
        const next = current ?? createSet(store, deployment, sets);
        const revision = setRevision(store, deployment, next, sets);
        roll(
          store,
          recordEvent,
          deployment,
          next,
          sets.filter(({ metadata }) => metadata.uid !== next.metadata.uid),
        );
        writeStatus(store, deployment, next.metadata.uid, revision);
        removeOldSets(store, deployment, next);
      } else writeStatus(store, deployment, current?.metadata.uid ?? '', undefined);
    },
  };
}

function ownedSets(store: ObjectStore, { metadata }: Deployment): readonly ReplicaSet[] {
  return store
    .list<ReplicaSet>(resources.replicaSets, { namespace: metadata.namespace })
    .filter((set) => set.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid) === true);
}

function currentSet(sets: readonly ReplicaSet[], { spec }: Deployment): ReplicaSet | undefined {
  return sets.find((set) => {
    const { metadata = {}, ...template } = set.spec.template;
    const { [hashLabel]: _hash, ...labels } = metadata.labels ?? {};
    const { labels: wanted = {}, annotations } = spec.template.metadata ?? {};
    return isSameTemplate(
      { ...template, labels, annotations: metadata.annotations ?? {} },
      { spec: spec.template.spec, labels: wanted, annotations: annotations ?? {} },
    );
  });
}

function createSet(store: ObjectStore, deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet {
  const { metadata, spec } = deployment;
  const hash = templateHash([spec.template, metadata.uid]);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return store.create<ReplicaSet>(resources.replicaSets, {
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels,
      annotations: {
        ...inherited(deployment),
        ...replicaAnnotations(deployment),
        [revisionAnnotation]: String(lastRevision(sets) + 1),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: 0,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  });
}

function inherited({ metadata }: Deployment): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !restartsWithoutRevision.test(name)));
}

function replicaAnnotations({ spec }: Deployment): Readonly<Record<string, string>> {
  const desired = spec.replicas ?? 1;
  return {
    'deployment.kubernetes.io/desired-replicas': String(desired),
    'deployment.kubernetes.io/max-replicas': String(desired + limits(spec, desired).surge),
  };
}

function lastRevision(sets: readonly ReplicaSet[]): number {
  return Math.max(0, ...sets.map(({ metadata }) => Number(metadata.annotations?.[revisionAnnotation] ?? 0)));
}

/** A template that comes back gets a new number, too: the highest is the one that counts. */
function setRevision(store: ObjectStore, deployment: Deployment, set: ReplicaSet, sets: readonly ReplicaSet[]): string {
  const others = lastRevision(sets.filter(({ metadata }) => metadata.uid !== set.metadata.uid));
  const own = Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
  const revision = String(own > others ? own : others + 1);
  annotate(store, 'replicaSets', set, revision);
  annotate(store, 'deployments', deployment, revision);
  return revision;
}

function annotate(
  store: ObjectStore,
  kind: 'replicaSets' | 'deployments',
  { metadata }: Deployment | ReplicaSet,
  revision: string,
): void {
  store.patch(resources[kind], metadata.namespace, metadata.name, (current) =>
    current.metadata.annotations?.[revisionAnnotation] === revision
      ? current
      : {
          ...current,
          metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, [revisionAnnotation]: revision } },
        },
  );
}

/** One step: as many new pods as may be there, as few old ones as must. */
function roll(
  store: ObjectStore,
  recordEvent: RecordEvent,
  deployment: Deployment,
  next: ReplicaSet,
  old: readonly ReplicaSet[],
): void {
  const desired = deployment.spec.replicas ?? 1;
  const replicas = (set: ReplicaSet) => set.spec.replicas ?? 0;
  const oldTotal = old.reduce((sum, set) => sum + replicas(set), 0);
  const scale = (set: ReplicaSet, count: number) => scaleSet(store, recordEvent, deployment, set, count);
  if (deployment.spec.strategy?.type === 'Recreate') {
    for (const set of old) scale(set, 0);
    if (old.every((set) => (set.status?.replicas ?? 0) === 0)) scale(next, desired);
    return;
  }
  const { surge, unavailable } = limits(deployment.spec, desired);
  const room = desired + surge - oldTotal;
  const nextCount = replicas(next) > desired ? desired : Math.max(replicas(next), Math.min(desired, room));
  scale(next, nextCount);
  const available = (set: ReplicaSet) => Math.min(set.status?.availableReplicas ?? 0, replicas(set));
  // What never got ready serves nobody.
  for (const set of old) if (available(set) < replicas(set)) scale(set, available(set));
  const healthyOld = old.reduce((sum, set) => sum + available(set), 0);
  let spare = healthyOld + available(next) - (desired - unavailable);
  for (const set of old.toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))) {
    const removed = Math.min(available(set), Math.max(0, spare));
    if (removed > 0) scale(set, available(set) - removed);
    spare -= removed;
  }
}

function limits({ strategy }: Deployment['spec'], desired: number): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const share = (value: number | string, round: (count: number) => number) =>
    typeof value === 'string' && value.endsWith('%') ? round((Number.parseFloat(value) * desired) / 100) : Number(value);
  const surge = share(maxSurge, Math.ceil);
  const unavailable = share(maxUnavailable, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function scaleSet(store: ObjectStore, recordEvent: RecordEvent, deployment: Deployment, set: ReplicaSet, count: number): void {
  const { namespace, name } = set.metadata;
  const former = store.get<ReplicaSet>(resources.replicaSets, namespace, name)?.spec.replicas ?? 0;
  if (former === count) return;
  store.patch<ReplicaSet>(resources.replicaSets, namespace, name, (current) => ({
    ...current,
    spec: { ...current.spec, replicas: count },
  }));
  const direction = count > former ? 'up' : 'down';
  recordEvent(deployment, {
    type: 'Normal',
    reason: 'ScalingReplicaSet',
    message: `Scaled ${direction} replica set ${name} from ${former} to ${count}`,
  });
}

function writeStatus(store: ObjectStore, deployment: Deployment, nextUid: string, revision: string | undefined): void {
  const { namespace, name, generation = 1 } = deployment.metadata;
  const sets = ownedSets(store, deployment);
  const sum = (of: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    of.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);
  const total = sum(sets, 'replicas');
  const updated = sum(
    sets.filter(({ metadata }) => metadata.uid === nextUid),
    'replicas',
  );
  const ready = sum(sets, 'readyReplicas');
  const available = sum(sets, 'availableReplicas');
  const desired = deployment.spec.replicas ?? 1;
  const isAvailable = available >= desired - limits(deployment.spec, desired).unavailable;
  const isComplete = updated === desired && total === desired && available === desired;
  const former = deployment.status?.conditions ?? [];
  const set = sets.find(({ metadata }) => metadata.uid === nextUid)?.metadata.name ?? '';
  const conditions: Condition[] = [
    workloadCondition(former, {
      type: 'Available',
      isTrue: isAvailable,
      reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: isAvailable ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    }),
    progress(deployment, former, { set, isComplete, revision, updated, available }),
    // That pods cannot be made is the news of the ReplicaSet.
    ...sets.flatMap(({ metadata, status }) => (metadata.uid === nextUid ? (status?.conditions ?? []) : [])),
  ];
  store.patch<Deployment>(resources.deployments, namespace, name, (current) => ({
    ...current,
    status: {
      observedGeneration: generation,
      ...(total === 0 ? {} : { replicas: total }),
      ...(updated === 0 ? {} : { updatedReplicas: updated }),
      ...(ready === 0 ? {} : { readyReplicas: ready }),
      ...(available === 0 ? {} : { availableReplicas: available }),
      ...(desired > available ? { unavailableReplicas: Math.max(desired, total) - available } : {}),
      conditions,
    },
  }));
}

function progress(
  deployment: Deployment,
  former: readonly Condition[],
  state: {
    readonly set: string;
    readonly isComplete: boolean;
    readonly revision: string | undefined;
    readonly updated: number;
    readonly available: number;
  },
): Condition {
  const previous = former.find(({ type }) => type === 'Progressing');
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  const hasNews =
    previous?.message?.includes(`"${state.set}"`) !== true ||
    deployment.status?.availableReplicas !== (state.available || undefined);
  const isLate = !state.isComplete && !hasNews && Date.parse(previous?.lastUpdateTime ?? '') + deadlineMs < Date.now();
  if (state.isComplete) {
    return workloadCondition(former, {
      type: 'Progressing',
      isTrue: true,
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${state.set}" has successfully progressed.`,
    });
  }
  if (isLate) {
    return workloadCondition(former, {
      type: 'Progressing',
      isTrue: false,
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${state.set}" has timed out progressing.`,
    });
  }
  return workloadCondition(former, {
    type: 'Progressing',
    isTrue: true,
    reason: 'ReplicaSetUpdated',
    message: `ReplicaSet "${state.set}" is progressing.`,
  });
}

function removeOldSets(store: ObjectStore, deployment: Deployment, next: ReplicaSet): void {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const old = ownedSets(store, deployment)
    .filter(
      ({ metadata, spec, status }) =>
        metadata.uid !== next.metadata.uid && (spec.replicas ?? 0) === 0 && (status?.replicas ?? 0) === 0,
    )
    .toSorted((a, b) => lastRevision([a]) - lastRevision([b]));
  for (const { metadata } of old.slice(0, Math.max(0, old.length - limit)))
    store.remove(resources.replicaSets, metadata.namespace, metadata.name);
}
