import type { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** A pod that serves the traffic-manager's API. */
export interface ManagerPod {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

interface ServiceObject {
  readonly spec?: { readonly selector?: Readonly<Record<string, string>>; readonly ports?: readonly ServicePort[] };
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
}

interface PodList {
  readonly items: readonly PodObject[];
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly creationTimestamp?: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly containers: readonly { readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[] }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

const serviceName = 'traffic-manager';
const portName = 'api';

/** Finds the pod behind the Service `traffic-manager`: the Service says which pods and which port, the newest ready pod is taken. */
export async function findManagerPod(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<ManagerPod> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const service = await kube.find<ServiceObject>(`${path}/services/${serviceName}`, signal);
  if (service === undefined) throw notInstalled(namespace);
  const labelSelector = Object.entries(service.spec?.selector ?? { app: serviceName })
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = await kube.request<PodList>({ method: 'GET', path: `${path}/pods`, query: { labelSelector }, signal });
  const createdAt = ({ metadata }: PodObject) => Date.parse(metadata.creationTimestamp ?? '') || 0;
  const ready = pods.items.filter(isReady).toSorted((a, b) => createdAt(b) - createdAt(a))[0];
  if (ready === undefined) throw notReady(namespace, pods.items);
  return { namespace, pod: ready.metadata.name, port: apiPort(service, ready) };
}

function isReady(pod: PodObject): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false)
  );
}

function apiPort(service: ServiceObject, pod: PodObject): number {
  const ports = service.spec?.ports ?? [];
  const entry = ports.find(({ name }) => name === portName) ?? ports[0];
  const target = entry?.targetPort ?? entry?.port ?? 8081;
  if (typeof target === 'number') return target;
  const named = pod.spec.containers.flatMap(({ ports: declared }) => declared ?? []).find(({ name }) => name === target);
  return named?.containerPort ?? entry?.port ?? 8081;
}

function notInstalled(namespace: string): AppError {
  return new AppError({
    code: 'manager.not-installed',
    message: `There is no traffic-manager in namespace "${namespace}"`,
    reason: 'The Service "traffic-manager" does not exist there',
    remedies: [
      {
        label: 'Install it',
        command: `telepresence helm install${namespace === 'ambassador' ? '' : ` --manager-namespace ${namespace}`}`,
      },
      { label: 'Or name the namespace where it is, with --manager-namespace' },
    ],
  });
}

function notReady(namespace: string, pods: readonly PodObject[]): AppError {
  const waiting = [
    ...pods.flatMap((pod) => pod.status?.containerStatuses ?? []).map(({ state }) => state?.waiting),
    ...pods
      .flatMap((pod) => pod.status?.conditions ?? [])
      .filter(({ type, status }) => type === 'PodScheduled' && status === 'False'),
  ].find((state) => state?.reason !== undefined && state.reason !== 'ContainerCreating');
  const reason =
    pods.length === 0
      ? 'It has no pods'
      : waiting === undefined
        ? 'Its pod is not ready yet'
        : [waiting.reason, waiting.message].filter((text) => text !== undefined && text !== '').join(': ');
  return new AppError({
    code: 'manager.not-ready',
    message: `The traffic-manager in namespace "${namespace}" is not ready`,
    reason,
    remedies: [
      { label: 'Look at its pod', command: `kubectl --namespace ${namespace} describe pods --selector app=traffic-manager` },
    ],
  });
}
