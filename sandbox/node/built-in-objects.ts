import { serverVersion } from '../server-version.ts';
import type { NewObject } from '../store/objects.ts';
import { kubeTime } from '../store/objects.ts';
import { type Resource, resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';

export interface BuiltInSettings {
  readonly apiIp: string;
  readonly dnsIp: string;
  readonly nodeIp: string;
  readonly apiPort: number;
  readonly nodeName: string;
  readonly podCidr: string;
}

/** What every cluster has before anybody asks for something: namespaces, the node, and the Services of the API server and of DNS. */
export function createBuiltInObjects(store: ObjectStore, settings: BuiltInSettings): void {
  const { apiIp, dnsIp, nodeIp, apiPort } = settings;
  const create = (resource: Resource, object: NewObject) => {
    if (store.get(resource, object.metadata.namespace, object.metadata.name ?? '') === undefined) store.create(resource, object);
  };
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    create(resources.namespaces, { metadata: { name } });
  create(resources.nodes, nodeObject(settings));
  createService(create, { namespace: 'default', name: 'kubernetes', clusterIp: apiIp, endpointIp: nodeIp }, [
    { name: 'https', port: 443, targetPort: apiPort, protocol: 'TCP' },
  ]);
  createService(create, { namespace: 'kube-system', name: 'kube-dns', clusterIp: dnsIp, endpointIp: nodeIp }, [
    { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
  ]);
}

interface BuiltInPort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** A Service without selector, whose endpoints are written by hand. */
function createService(
  create: (resource: Resource, object: NewObject) => void,
  {
    namespace,
    name,
    clusterIp,
    endpointIp,
  }: { readonly namespace: string; readonly name: string; readonly clusterIp: string; readonly endpointIp: string },
  ports: readonly BuiltInPort[],
): void {
  const labels =
    name === 'kube-dns'
      ? { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' }
      : { component: 'apiserver', provider: 'kubernetes' };
  create(resources.services, {
    metadata: { namespace, name, labels },
    spec: { type: 'ClusterIP', clusterIP: clusterIp, clusterIPs: [clusterIp], ports },
  });
  const targets = ports.map(({ name: portName, targetPort, protocol }) => ({ name: portName, port: targetPort, protocol }));
  create(resources.endpoints, {
    metadata: { namespace, name, labels },
    subsets: [{ addresses: [{ ip: endpointIp }], ports: targets }],
  });
  create(resources.endpointSlices, {
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [endpointIp], conditions: { ready: true } }],
    ports: targets,
  });
}

function nodeObject({ nodeName, nodeIp, podCidr }: BuiltInSettings): NewObject {
  const now = kubeTime(new Date());
  const capacity = { cpu: '16', memory: '32Gi', pods: '1000', 'ephemeral-storage': '100Gi' };
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': process.arch === 'arm64' ? 'arm64' : 'amd64',
  };
  return {
    metadata: { name: nodeName, labels },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    status: {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: 'InternalIP', address: nodeIp },
        { type: 'Hostname', address: nodeName },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'the sandbox runs pods as processes',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        kubeletVersion: serverVersion.gitVersion,
        containerRuntimeVersion: 'sandbox://1',
        operatingSystem: 'linux',
        architecture: labels['kubernetes.io/arch'],
        osImage: 'Telepresence sandbox, not Kubernetes',
        kernelVersion: '',
      },
    },
  };
}
