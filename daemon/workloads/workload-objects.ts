import type { WorkloadDetails } from '#protocol/local-api/model.ts';

/** What is read of objects of the cluster, and the few fields that are kept of them. */

interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
}

export interface WorkloadObject {
  readonly metadata?: Metadata;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec?: { readonly containers?: readonly Container[] };
    };
  };
  readonly status?: { readonly readyReplicas?: number };
}

export interface ServiceObject {
  readonly metadata?: Metadata;
  readonly spec?: {
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
      readonly appProtocol?: string;
    }[];
  };
}

export interface PodObject {
  readonly metadata?: Metadata;
  readonly spec?: { readonly containers?: readonly { readonly name: string }[] };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface KeptWorkload extends Pick<WorkloadDetails, 'desired' | 'ready' | 'createdAt' | 'containers'> {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `Kind/name` of what it belongs to. */
  readonly owner: string | undefined;
}

export interface KeptService {
  readonly selector: Readonly<Record<string, string>>;
  readonly shown: WorkloadDetails['services'][number];
}

export interface KeptPod {
  readonly owner: string | undefined;
  readonly hasAgent: boolean;
  readonly shown: WorkloadDetails['pods'][number];
}

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'ReplicaSet' | 'Rollout';

const agentContainer = 'traffic-agent';

export function keptWorkload(kind: WorkloadKind) {
  return ({ metadata = {}, spec = {}, status = {} }: WorkloadObject): KeptWorkload => ({
    kind,
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    owner: ownerOf(metadata),
    labels: spec.template?.metadata?.labels ?? {},
    desired: spec.replicas ?? 1,
    ready: status.readyReplicas ?? 0,
    createdAt: metadata.creationTimestamp ?? '',
    containers: (spec.template?.spec?.containers ?? [])
      .filter(({ name }) => name !== agentContainer)
      .map(({ name, image = '', ports = [] }) => ({
        name,
        image,
        ports: ports.map((port) => ({
          ...(port.name === undefined ? {} : { name: port.name }),
          port: port.containerPort,
          protocol: protocolOf(port.protocol),
        })),
      })),
  });
}

export function keptService({ metadata = {}, spec = {} }: ServiceObject): KeptService | undefined {
  const { selector = {}, clusterIP, ports = [] } = spec;
  // Without a selector it leads to no pods of the cluster's choice.
  if (Object.keys(selector).length === 0) return undefined;
  return {
    selector,
    shown: {
      name: metadata.name ?? '',
      ...(clusterIP === undefined || clusterIP === 'None' || clusterIP === '' ? {} : { clusterIp: clusterIP }),
      ports: ports.map(({ name, port, targetPort = port, protocol, appProtocol }) => ({
        ...(name === undefined ? {} : { name }),
        port,
        targetPort: String(targetPort),
        protocol: protocolOf(protocol),
        ...(appProtocol === undefined ? {} : { appProtocol }),
      })),
    },
  };
}

export function keptPod({ metadata = {}, spec = {}, status = {} }: PodObject): KeptPod {
  const isReady = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
  const isEnding = metadata.deletionTimestamp !== undefined;
  return {
    owner: ownerOf(metadata),
    hasAgent: spec.containers?.some(({ name }) => name === agentContainer) ?? false,
    shown: {
      name: metadata.name ?? '',
      phase: isEnding ? 'Terminating' : (status.phase ?? 'Unknown'),
      ready: isReady && !isEnding,
    },
  };
}

function ownerOf({ ownerReferences }: Metadata): string | undefined {
  const owner = ownerReferences?.find(({ controller }) => controller === true);
  return owner === undefined ? undefined : `${owner.kind}/${owner.name}`;
}

function protocolOf(protocol = 'TCP'): 'TCP' | 'UDP' | 'SCTP' {
  return protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP';
}
