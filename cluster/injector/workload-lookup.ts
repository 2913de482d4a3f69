import type { KubeClient } from '#net/kube/kube-client.ts';
import { KubeStatusError } from '#net/kube/kube-client.ts';
import type { AgentConfig } from '#protocol/agent/agent-config.ts';
import type { Condition, OwnerReference, PodMetadata, PodObject, PodTemplate, ServiceObject } from './pod-types.ts';

/** A workload whose pods can have agents. */
export interface AgentTarget {
  readonly namespace: string;
  readonly kind: AgentConfig['workload']['kind'];
  readonly name: string;
}

export interface FoundWorkload {
  readonly target: AgentTarget;
  readonly uid: string;
  readonly template: PodTemplate;
  readonly replicas: number;
  /** As a query parameter. */
  readonly labelSelector: string;
}

interface WorkloadObject {
  readonly metadata?: PodMetadata;
  readonly spec?: { readonly replicas?: number; readonly template?: PodTemplate; readonly selector?: Selector };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

interface EventObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string;
  readonly eventTime?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

export interface KubeEvent {
  readonly uid: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

const kinds = ['Deployment', 'StatefulSet', 'ReplicaSet'] as const;

/** What the injector reads of the cluster. */
export class WorkloadLookup {
  readonly #kube: KubeClient;

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** The workload of this name; a Deployment goes before a StatefulSet, and that before a ReplicaSet. */
  async find(namespace: string, name: string, signal?: AbortSignal): Promise<FoundWorkload | undefined> {
    for (const kind of kinds) {
      const found = await this.get({ namespace, kind, name }, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** `undefined` where it is not there, or is of a kind that the chart gives no right to see. */
  async get(target: AgentTarget, signal?: AbortSignal): Promise<FoundWorkload | undefined> {
    const object = await this.#read(workloadPath(target), signal);
    if (object === undefined || controllerOf(object.metadata?.ownerReferences) !== undefined) return undefined;
    return foundWorkload(target, object);
  }

  /**
   * The workload that a pod is made for, with the very template of the pod. `undefined` where it is of no known kind: an Argo
   * Rollout's, a Job's, nobody's.
   */
  async ofPod(
    namespace: string,
    owners: readonly OwnerReference[] | undefined,
    signal: AbortSignal,
  ): Promise<FoundWorkload | undefined> {
    const owner = controllerOf(owners);
    if (owner === undefined) return undefined;
    if (owner.kind !== 'ReplicaSet') {
      return owner.kind === 'StatefulSet'
        ? await this.get({ namespace, kind: 'StatefulSet', name: owner.name }, signal)
        : undefined;
    }
    const replicaSet = { namespace, kind: 'ReplicaSet', name: owner.name } as const;
    const object = await this.#read(workloadPath(replicaSet), signal);
    if (object === undefined) return undefined;
    const upper = controllerOf(object.metadata?.ownerReferences);
    if (upper === undefined) return foundWorkload(replicaSet, object);
    return upper.kind === 'Deployment' ? foundWorkload({ namespace, kind: 'Deployment', name: upper.name }, object) : undefined;
  }

  async services(namespace: string, signal?: AbortSignal): Promise<readonly ServiceObject[]> {
    return await this.#list<ServiceObject>(`/api/v1/namespaces/${namespace}/services`, {}, signal);
  }

  /** Pods that the workload's selector chooses, also those that are ending. */
  async pods(workload: FoundWorkload, signal?: AbortSignal): Promise<readonly PodObject[]> {
    const path = `/api/v1/namespaces/${workload.target.namespace}/pods`;
    return await this.#list<PodObject>(path, { labelSelector: workload.labelSelector }, signal);
  }

  /** Pods with a label, in the namespaces, or (`[]`) in all. */
  async podsWithLabel(label: string, namespaces: readonly string[], signal?: AbortSignal): Promise<readonly PodObject[]> {
    const paths = namespaces.length === 0 ? ['/api/v1/pods'] : namespaces.map((name) => `/api/v1/namespaces/${name}/pods`);
    const lists = await Promise.all(paths.map((path) => this.#list<PodObject>(path, { labelSelector: `${label}=true` }, signal)));
    return lists.flat();
  }

  /** Why the workload's controller cannot make pods: quotas, policies, other webhooks. The newest word. */
  async creationFailure(workload: FoundWorkload, since: Date, signal?: AbortSignal): Promise<string | undefined> {
    const { namespace, kind } = workload.target;
    const candidates =
      kind === 'Deployment'
        ? await this.#list<WorkloadObject>(
            `/apis/apps/v1/namespaces/${namespace}/replicasets`,
            { labelSelector: workload.labelSelector },
            signal,
          )
        : [await this.#read(workloadPath(workload.target), signal)];
    const owned = candidates.filter(
      (object) => kind !== 'Deployment' || controllerOf(object?.metadata?.ownerReferences)?.uid === workload.uid,
    );
    for (const object of owned) {
      const failed = object?.status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
      if (failed !== undefined) return failed.message ?? failed.reason;
    }
    const uids = owned.flatMap((object) => object?.metadata?.uid ?? []);
    const events = await this.events(namespace, uids, since, signal);
    return events.findLast(({ reason }) => reason === 'FailedCreate')?.message;
  }

  /** Events about the objects, oldest first. */
  async events(namespace: string, uids: readonly string[], since: Date, signal?: AbortSignal): Promise<readonly KubeEvent[]> {
    const lists = await Promise.all(
      uids.map((uid) =>
        this.#list<EventObject>(`/api/v1/namespaces/${namespace}/events`, { fieldSelector: `involvedObject.uid=${uid}` }, signal),
      ),
    );
    const timeOf = (event: EventObject) => Date.parse(event.lastTimestamp ?? event.eventTime ?? '') || 0;
    return lists
      .flat()
      .filter((event) => timeOf(event) >= since.getTime())
      .sort((a, b) => timeOf(a) - timeOf(b))
      .map(({ type = '', reason = '', message = '', involvedObject }) => ({
        uid: involvedObject?.uid ?? '',
        type,
        reason,
        message,
      }));
  }

  async #read(path: string, signal: AbortSignal | undefined): Promise<WorkloadObject | undefined> {
    try {
      return await this.#kube.find<WorkloadObject>(path, signal);
    } catch (error) {
      if (error instanceof KubeStatusError && error.status === 403) return undefined;
      throw error;
    }
  }

  async #list<T>(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<readonly T[]> {
    const answer = await this.#kube.request<{ readonly items?: readonly T[] }>({
      method: 'GET',
      path,
      query,
      ...(signal === undefined ? {} : { signal }),
    });
    return answer.items ?? [];
  }
}

export function workloadPath({ namespace, kind, name }: AgentTarget): string {
  return `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}

function controllerOf(owners: readonly OwnerReference[] | undefined): OwnerReference | undefined {
  return owners?.find(({ controller }) => controller === true);
}

function foundWorkload(target: AgentTarget, { metadata, spec }: WorkloadObject): FoundWorkload {
  return {
    target,
    uid: metadata?.uid ?? '',
    template: spec?.template ?? {},
    replicas: spec?.replicas ?? 1,
    labelSelector: formatSelector(spec?.selector ?? {}),
  };
}

function formatSelector({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return `${key} ${operator.toLowerCase()} (${values.join(',')})`;
    }
  });
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressions].join(',');
}
