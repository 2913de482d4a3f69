import { isPodReady, type Pod } from '../node/pod-types.ts';
import { controllerReference, fieldAt, type KubeObject, listAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { keyOf, type ObjectStore } from '../store/store.ts';
import { ownKey, type Reconciler } from './reconciler.ts';

const serviceLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'endpointslice-controller.k8s.io';

interface EndpointPod {
  readonly pod: Pod;
  readonly ip: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
}

/** Tells which pods are behind each Service, as Endpoints and as EndpointSlices. */
export function endpointsController(store: ObjectStore): Reconciler {
  return {
    name: 'endpoint-controller',
    watches: [
      { resource: resources.services, keys: ownKey },
      {
        resource: resources.pods,
        keys: ({ metadata }) => store.list(resources.services, { namespace: metadata.namespace }).flatMap(ownKey),
      },
      { resource: resources.endpoints, keys: ownKey },
      {
        resource: resources.endpointSlices,
        keys: ({ metadata }) => [keyOf(metadata.namespace, metadata.labels?.[serviceLabel] ?? '')],
      },
    ],
    reconcile: (namespace, name) => {
      const service = store.get(resources.services, namespace, name);
      const selector = fieldAt(service, 'spec', 'selector') as Readonly<Record<string, string>> | undefined;
      if (service === undefined || textAt(service, 'spec', 'type') === 'ExternalName') {
        removeEndpoints(store, namespace, name);
        return;
      }
      // Endpoints of a Service that selects nothing are somebody else's.
      if (selector === undefined || Object.keys(selector).length === 0) return;
      const pods = store.list<Pod>(resources.pods, { namespace }).flatMap((pod) => endpointOf(service, selector, pod));
      writeEndpoints(store, service, pods);
      writeSlices(store, service, pods);
    },
  };
}

function endpointOf(service: KubeObject, selector: Readonly<Record<string, string>>, pod: Pod): readonly EndpointPod[] {
  const { labels = {}, deletionTimestamp } = pod.metadata;
  const ip = pod.status?.podIP;
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (ip === undefined || isOver || !Object.entries(selector).every(([key, value]) => labels[key] === value)) return [];
  const isTerminating = deletionTimestamp !== undefined;
  const isPublished = fieldAt(service, 'spec', 'publishNotReadyAddresses') === true;
  return [{ pod, ip, isTerminating, isReady: isPublished || (isPodReady(pod) && !isTerminating) }];
}

interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** Ports of the Service at one pod; a named one is where the pod's containers say. */
function portsAt(service: KubeObject, pod: Pod): readonly ResolvedPort[] {
  return listAt(service, 'spec', 'ports').flatMap((port) => {
    const protocol = textAt(port, 'protocol') || 'TCP';
    const target = port['targetPort'] ?? port['port'];
    const number = typeof target === 'number' ? target : namedPort(pod, String(target), protocol);
    return number === undefined ? [] : [{ name: textAt(port, 'name'), port: number, protocol }];
  });
}

function namedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...spec.containers, ...sidecars].flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** Pods that have the same ports. */
function groupByPorts(
  service: KubeObject,
  pods: readonly EndpointPod[],
): readonly { readonly ports: readonly ResolvedPort[]; readonly pods: readonly EndpointPod[] }[] {
  const groups = new Map<string, { readonly ports: readonly ResolvedPort[]; readonly pods: EndpointPod[] }>();
  for (const endpoint of pods) {
    const ports = portsAt(service, endpoint.pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, pods: [] };
    group.pods.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function targetReference({ metadata }: Pod) {
  return { kind: 'Pod', name: metadata.name, namespace: metadata.namespace, uid: metadata.uid };
}

/** The name that DNS gives the endpoint of a headless Service. */
function hostname(service: KubeObject, { spec }: Pod): { readonly hostname?: string } {
  return spec.hostname !== undefined && spec.subdomain === service.metadata.name ? { hostname: spec.hostname } : {};
}

function writeEndpoints(store: ObjectStore, service: KubeObject, pods: readonly EndpointPod[]): void {
  const { namespace, name, labels = {} } = service.metadata;
  const address = ({ pod, ip }: EndpointPod) => ({
    ip,
    ...hostname(service, pod),
    nodeName: pod.spec.nodeName,
    targetRef: targetReference(pod),
  });
  const isHeadless = textAt(service, 'spec', 'clusterIP') === 'None';
  const living = pods.filter(({ isTerminating, isReady }) => !isTerminating || isReady);
  const subsets = groupByPorts(service, living).flatMap((group) => {
    const [ready, unready] = [group.pods.filter(({ isReady }) => isReady), group.pods.filter(({ isReady }) => !isReady)];
    if (group.ports.length === 0 && !isHeadless) return [];
    return [
      {
        ...(ready.length === 0 ? {} : { addresses: ready.map(address) }),
        ...(unready.length === 0 ? {} : { notReadyAddresses: unready.map(address) }),
        ...(group.ports.length === 0 ? {} : { ports: group.ports.map(withoutEmptyName) }),
      },
    ];
  });
  const content = subsets.length === 0 ? {} : { subsets };
  if (store.get(resources.endpoints, namespace, name) === undefined) {
    store.create(resources.endpoints, {
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels },
      ...content,
    });
    return;
  }
  store.patch(resources.endpoints, namespace, name, ({ subsets: _former, ...current }) => ({
    ...current,
    metadata: { ...current.metadata, labels },
    ...content,
  }));
}

function withoutEmptyName({ name, port, protocol }: ResolvedPort) {
  return { ...(name === '' ? {} : { name }), port, protocol };
}

/** A slice for each set of ports; one without endpoints where there is no pod. */
function writeSlices(store: ObjectStore, service: KubeObject, pods: readonly EndpointPod[]): void {
  const { namespace, name, labels = {} } = service.metadata;
  const former = slicesOf(store, namespace, name);
  const groups = groupByPorts(service, pods);
  const wanted = groups.length === 0 ? [{ ports: [], pods: [] }] : groups;
  for (const [index, group] of wanted.entries()) {
    const content = {
      addressType: 'IPv4',
      endpoints: group.pods.map(({ pod, ip, isReady, isTerminating }) => ({
        addresses: [ip],
        conditions: { ready: isReady, serving: isReady || isPodReady(pod), terminating: isTerminating },
        ...hostname(service, pod),
        nodeName: pod.spec.nodeName,
        targetRef: targetReference(pod),
      })),
      ports: group.ports,
    };
    const existing = former[index];
    if (existing !== undefined) {
      store.patch(resources.endpointSlices, namespace, existing.metadata.name, (current) => ({ ...current, ...content }));
      continue;
    }
    const headless = textAt(service, 'spec', 'clusterIP') === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
    store.create(resources.endpointSlices, {
      metadata: {
        generateName: `${name}-`,
        ...(namespace === undefined ? {} : { namespace }),
        labels: { ...labels, ...headless, [serviceLabel]: name, [managedByLabel]: managedBy },
        ownerReferences: [controllerReference(service)],
      },
      ...content,
    });
  }
  for (const slice of former.slice(wanted.length)) store.remove(resources.endpointSlices, namespace, slice.metadata.name);
}

function slicesOf(store: ObjectStore, namespace: string | undefined, service: string): readonly KubeObject[] {
  return store.list(resources.endpointSlices, {
    namespace,
    labelSelector: `${serviceLabel}=${service},${managedByLabel}=${managedBy}`,
  });
}

function removeEndpoints(store: ObjectStore, namespace: string, name: string): void {
  if (store.get(resources.endpoints, namespace, name) !== undefined) store.remove(resources.endpoints, namespace, name);
  for (const slice of slicesOf(store, namespace, name)) store.remove(resources.endpointSlices, namespace, slice.metadata.name);
}
