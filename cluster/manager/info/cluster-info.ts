import { create } from '@bufbuild/protobuf';
import type { Cidr } from '#base/common/cidr.ts';
import { ipToBytes, parseIp } from '#base/common/ip.ts';
import { type ClusterInfo, ClusterInfoSchema, type IPNet, IPNetSchema } from '#protocol/cluster/generated/manager_pb.js';
import type { ClientConfig } from './client-config.ts';

/** Everything that a laptop is told about the cluster. */
export interface ClusterFacts {
  readonly serviceCidrs: readonly Cidr[];
  readonly podCidrs: readonly Cidr[];
  readonly managerPodIp: string;
  readonly managerPort: number;
  /** The name server that pods use. */
  readonly kubeDnsIp: string;
  readonly clusterDomain: string;
  readonly clientConfig: ClientConfig;
}

/**
 * The facts as a message. It has room for one service range; those of a second family or a later extension go with the pods', since laptops
 * route both alike. `dns.kube_ip` is the address that stock clients answer DNS at: the traffic-manager's, since nothing else listens there.
 */
export function toClusterInfo(facts: ClusterFacts): ClusterInfo {
  const [serviceSubnet, ...otherServiceSubnets] = facts.serviceCidrs.map(toIpNet);
  const { clientConfig } = facts;
  return create(ClusterInfoSchema, {
    ...(serviceSubnet === undefined ? {} : { serviceSubnet }),
    podSubnets: [...facts.podCidrs.map(toIpNet), ...otherServiceSubnets],
    managerPodIp: toBytes(facts.managerPodIp),
    managerPodPort: facts.managerPort,
    kubeDnsIp: toBytes(facts.kubeDnsIp),
    clusterDomain: `${facts.clusterDomain}.`,
    routing: {
      alsoProxySubnets: clientConfig.alsoProxy.map(toIpNet),
      neverProxySubnets: clientConfig.neverProxy.map(toIpNet),
      allowConflictingSubnets: clientConfig.allowConflicting.map(toIpNet),
    },
    dns: {
      includeSuffixes: [...clientConfig.includeSuffixes],
      excludeSuffixes: [...clientConfig.excludeSuffixes],
      kubeIp: toBytes(facts.managerPodIp),
      clusterDomain: `${facts.clusterDomain}.`,
    },
  });
}

function toIpNet(cidr: Cidr): IPNet {
  return create(IPNetSchema, { ip: ipToBytes(cidr), mask: cidr.prefix });
}

function toBytes(ip: string): Uint8Array {
  const parsed = parseIp(ip);
  return parsed === undefined ? new Uint8Array() : ipToBytes(parsed);
}
