import { formatCidr } from '#base/common/cidr.ts';
import type { Connection as ConnectionSnapshot, ConnectionState } from '#protocol/local-api/model.ts';
import type { KubeTarget } from '../kube/kubeconfig.ts';
import type { ManagerIdentity } from '../link/cluster-session.ts';
import type { VirtualAddresses } from '../routing/virtual-addresses.ts';
import type { RoutingPlan } from '../routing/wanted-routes.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import type { LaptopStatus } from './laptop-side.ts';
import type { ConnectionSettings } from './settings.ts';

export interface SnapshotInput {
  readonly name: string;
  readonly isIsolated: boolean;
  readonly state: ConnectionState;
  readonly target: KubeTarget;
  readonly namespace: string;
  readonly namespaces: readonly string[];
  readonly settings: ConnectionSettings;
  readonly stageTimesMs: Readonly<Record<string, number>>;
  readonly sessionId: string | undefined;
  readonly manager: ManagerIdentity | undefined;
  readonly facts: ClusterFacts | undefined;
  readonly plan: RoutingPlan | undefined;
  readonly virtual: VirtualAddresses | undefined;
  readonly laptop: LaptopStatus | undefined;
  readonly transport: { readonly forwards: number; readonly streams: number };
  readonly dnsError: string | undefined;
}

/** A connection as clients see it. */
export function connectionSnapshot(input: SnapshotInput): ConnectionSnapshot {
  const { settings, manager } = input;
  return {
    name: input.name,
    mode: input.isIsolated ? 'rootless' : 'host',
    ...(input.isIsolated && input.laptop !== undefined ? { namespacePid: input.laptop.helperPid } : {}),
    state: input.state,
    context: input.target.context,
    server: input.target.server.href.replace(/\/$/, ''),
    namespace: input.namespace,
    managerNamespace: settings.managerNamespace,
    mappedNamespaces: [...input.namespaces],
    stageTimesMs: { ...input.stageTimesMs },
    ...(input.sessionId === undefined ? {} : { sessionId: input.sessionId }),
    ...(manager === undefined
      ? {}
      : {
          manager: {
            name: manager.name,
            version: manager.version,
            agentImage: manager.agentImage,
            namespace: settings.managerNamespace,
          },
        }),
    ...dnsPart(input),
    ...routingPart(input),
    transport: { ...input.transport },
  };
}

function dnsPart({ facts, laptop, settings, dnsError }: SnapshotInput): Pick<ConnectionSnapshot, 'dns'> {
  if (facts === undefined || laptop === undefined) return {};
  return {
    dns: {
      address: laptop.dnsAddress,
      mode: laptop.hook?.mode ?? 'none',
      formerServers: [...(laptop.hook?.formerServers ?? [])],
      clusterDomain: facts.clusterDomain,
      includeSuffixes: [...new Set([...settings.dns.includeSuffixes, ...facts.includeSuffixes])],
      excludeSuffixes: [...new Set([...settings.dns.excludeSuffixes, ...facts.excludeSuffixes])],
      excludes: [...settings.dns.excludes],
      mappings: settings.dns.mappings.map((mapping) => ({ ...mapping })),
      lookupTimeoutMs: settings.dns.lookupTimeoutMs,
      ...(dnsError === undefined ? {} : { error: dnsError }),
    },
  };
}

function routingPart({ facts, laptop, plan, settings, virtual }: SnapshotInput): Pick<ConnectionSnapshot, 'routing'> {
  if (facts === undefined || laptop === undefined || plan === undefined) return {};
  const [serviceSubnet] = facts.serviceSubnets;
  return {
    routing: {
      interface: laptop.interfaceName,
      addresses: [...laptop.addresses],
      subnets: plan.routes.map(formatCidr),
      ...(serviceSubnet === undefined ? {} : { serviceSubnet: formatCidr(serviceSubnet) }),
      podSubnets: facts.podSubnets.map(formatCidr),
      alsoProxy: [...settings.alsoProxy, ...facts.alsoProxy.map(formatCidr)],
      neverProxy: [...settings.neverProxy, ...facts.neverProxy.map(formatCidr)],
      allowConflicting: [...settings.allowConflicting, ...facts.allowConflicting.map(formatCidr)],
      virtual: plan.translated.map((subnet) => ({
        subnet: formatCidr(subnet),
        virtual: virtual === undefined ? '' : formatCidr(virtual.pool),
      })),
    },
  };
}
