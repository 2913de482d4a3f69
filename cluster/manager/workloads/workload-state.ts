import { WorkloadInfo_Kind, WorkloadInfo_State } from '#protocol/cluster/generated/manager_pb.js';
import type { WorkloadKindName } from '../environment.ts';

/** What is read of a workload of any kind. */
export interface WorkloadObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly { readonly controller?: boolean }[];
  };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    /** Of a Rollout, which judges itself. */
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly reason?: string }[];
  };
}

export type WorkloadKind = Exclude<WorkloadInfo_Kind, WorkloadInfo_Kind.UNSPECIFIED>;

/** The few facts that are kept of a workload. */
export interface WorkloadFacts {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly namespace: string;
  readonly state: WorkloadInfo_State;
}

/** Where a kind's objects are: `/apis/<group>/namespaces/<namespace>/<resource>`. */
export interface WorkloadResource {
  readonly kind: WorkloadKind;
  readonly group: string;
  readonly resource: string;
}

export const workloadResources: Readonly<Record<WorkloadKindName, WorkloadResource>> = {
  deployments: { kind: WorkloadInfo_Kind.DEPLOYMENT, group: 'apps/v1', resource: 'deployments' },
  statefulSets: { kind: WorkloadInfo_Kind.STATEFULSET, group: 'apps/v1', resource: 'statefulsets' },
  replicaSets: { kind: WorkloadInfo_Kind.REPLICASET, group: 'apps/v1', resource: 'replicasets' },
  argoRollouts: { kind: WorkloadInfo_Kind.ROLLOUT, group: 'argoproj.io/v1alpha1', resource: 'rollouts' },
};

const rolloutStates: Readonly<Record<string, WorkloadInfo_State>> = {
  Healthy: WorkloadInfo_State.AVAILABLE,
  Paused: WorkloadInfo_State.AVAILABLE,
  Progressing: WorkloadInfo_State.PROGRESSING,
  Degraded: WorkloadInfo_State.FAILURE,
};

/** `undefined` for what is another workload's, and so no workload of its own. */
export function workloadFacts(kind: WorkloadKind, object: WorkloadObject): WorkloadFacts | undefined {
  const { name = '', namespace = '', ownerReferences = [] } = object.metadata ?? {};
  if (ownerReferences.some((owner) => owner.controller === true)) return undefined;
  return { kind, name, namespace, state: workloadState(kind, object) };
}

/**
 * Failure: pods cannot be made, or a rollout exceeded its deadline. Progressing: the spec is not yet what runs. Available: it is, and as
 * many pods as wanted are ready (for a Deployment: enough of them, by its own condition).
 */
export function workloadState(kind: WorkloadKind, object: WorkloadObject): WorkloadInfo_State {
  const { spec, status = {}, metadata } = object;
  if (kind === WorkloadInfo_Kind.ROLLOUT) return rolloutStates[status.phase ?? ''] ?? WorkloadInfo_State.UNKNOWN_UNSPECIFIED;
  const condition = (type: string) => status.conditions?.find((entry) => entry.type === type);
  if (condition('ReplicaFailure')?.status === 'True' || condition('Progressing')?.status === 'False')
    return WorkloadInfo_State.FAILURE;
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return WorkloadInfo_State.PROGRESSING;
  const wanted = spec?.replicas ?? 1;
  const isUpdated = kind === WorkloadInfo_Kind.REPLICASET || (status.updatedReplicas ?? 0) >= wanted;
  if (!isUpdated || (status.replicas ?? 0) > wanted) return WorkloadInfo_State.PROGRESSING;
  const available = condition('Available')?.status;
  const isAvailable = available === undefined ? (status.readyReplicas ?? 0) >= wanted : available === 'True';
  return isAvailable ? WorkloadInfo_State.AVAILABLE : WorkloadInfo_State.PROGRESSING;
}
