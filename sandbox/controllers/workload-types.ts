import { createHash } from 'node:crypto';
import { selects } from '#protocol/chart/label-selector.ts';
import type { LabelSelector } from '#protocol/chart/manager-environment.ts';
import type { Condition, Pod } from '../node/pod-types.ts';
import { type KubeObject, kubeTime } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

interface WorkloadSpec {
  readonly replicas?: number;
  readonly selector?: LabelSelector;
  readonly template: PodTemplate;
  readonly minReadySeconds?: number;
}

export interface ReplicaSet extends KubeObject {
  readonly spec: WorkloadSpec;
  readonly status?: ReplicaStatus & { readonly conditions?: readonly Condition[] };
}

export interface ReplicaStatus {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
}

export interface Deployment extends KubeObject {
  readonly spec: WorkloadSpec & {
    readonly paused?: boolean;
    readonly revisionHistoryLimit?: number;
    readonly progressDeadlineSeconds?: number;
    readonly strategy?: {
      readonly type?: 'RollingUpdate' | 'Recreate';
      readonly rollingUpdate?: { readonly maxSurge?: number | string; readonly maxUnavailable?: number | string };
    };
  };
  readonly status?: ReplicaStatus & { readonly conditions?: readonly Condition[]; readonly collisionCount?: number };
}

export interface StatefulSet extends KubeObject {
  readonly spec: WorkloadSpec & {
    readonly serviceName?: string;
    readonly podManagementPolicy?: 'OrderedReady' | 'Parallel';
    readonly updateStrategy?: {
      readonly type?: 'RollingUpdate' | 'OnDelete';
      readonly rollingUpdate?: { readonly partition?: number };
    };
  };
  readonly status?: ReplicaStatus & { readonly currentRevision?: string; readonly updateRevision?: string };
}

/** A short name for the content of a template; the same for equal templates, whatever the order of their fields. */
export function templateHash(template: unknown): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(template)))
    .digest();
  return [...digest.subarray(0, 9)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

export function isSameTemplate(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Pods that a controller owns and that still count: neither over nor on their way out. */
export function ownedPods(store: ObjectStore, owner: KubeObject): readonly Pod[] {
  return store
    .list<Pod>(resources.pods, { namespace: owner.metadata.namespace })
    .filter(
      ({ metadata }) =>
        metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === owner.metadata.uid) === true,
    );
}

export function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Failed' && phase !== 'Succeeded';
}

/** Ready for as long as its workload wants to see it. */
export function isAvailable(pod: Pod, minReadySeconds = 0): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return false;
  return minReadySeconds === 0 || Date.parse(ready.lastTransitionTime ?? '') + minReadySeconds * 1000 <= Date.now();
}

export function isSelected(selector: LabelSelector | undefined, object: KubeObject): boolean {
  return selects(selector, object.metadata.labels ?? {});
}

/** A condition of a workload: its times tell of the last change of its status and of anything. */
export function workloadCondition(
  former: readonly Condition[],
  next: { readonly type: string; readonly isTrue: boolean; readonly reason: string; readonly message: string },
): Condition {
  const { type, reason, message } = next;
  const status = next.isTrue ? 'True' : 'False';
  const now = kubeTime(new Date());
  const previous = former.find((condition) => condition.type === type);
  if (previous?.status === status && previous.reason === reason && previous.message === message) return previous;
  const changed = previous?.status === status ? previous.lastTransitionTime : undefined;
  return { type, status, lastUpdateTime: now, lastTransitionTime: changed ?? now, reason, message };
}

/** The controllers, as admission knows them. */
export function controllerUser(name: string) {
  return {
    username: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:masters', 'system:authenticated'],
  };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, unknown>>).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
