import { WorkloadInfo_Kind, WorkloadInfo_State } from '#protocol/cluster/generated/manager_pb.js';

/** What is read of a Deployment, StatefulSet or ReplicaSet. */
export interface WorkloadObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly { readonly controller?: boolean }[];
  };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly reason?: string }[];
  };
}

export type WorkloadKind = WorkloadInfo_Kind.DEPLOYMENT | WorkloadInfo_Kind.REPLICASET | WorkloadInfo_Kind.STATEFULSET;

/** The few facts that are kept of a workload. */
export interface WorkloadFacts {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly namespace: string;
  readonly state: WorkloadInfo_State;
}

/** Where each kind's objects are, below its namespace. */
export const workloadResources: readonly { readonly kind: WorkloadKind; readonly resource: string }[] = [
  { kind: WorkloadInfo_Kind.DEPLOYMENT, resource: 'deployments' },
  { kind: WorkloadInfo_Kind.STATEFULSET, resource: 'statefulsets' },
  { kind: WorkloadInfo_Kind.REPLICASET, resource: 'replicasets' },
];

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
  const condition = (type: string) => status.conditions?.find((entry) => entry.type === type);
  if (condition('ReplicaFailure')?.status === 'True' || condition('Progressing')?.status === 'False') return WorkloadInfo_State.FAILURE;
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return WorkloadInfo_State.PROGRESSING;
  const wanted = spec?.replicas ?? 1;
  const isUpdated = kind === WorkloadInfo_Kind.REPLICASET || (status.updatedReplicas ?? 0) >= wanted;
  if (!isUpdated || (status.replicas ?? 0) > wanted) return WorkloadInfo_State.PROGRESSING;
  const available = condition('Available')?.status;
  const isAvailable = available === undefined ? (status.readyReplicas ?? 0) >= wanted : available === 'True';
  return isAvailable ? WorkloadInfo_State.AVAILABLE : WorkloadInfo_State.PROGRESSING;
}
