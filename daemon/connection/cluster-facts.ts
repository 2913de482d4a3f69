import { type Cidr, cidrOf } from '#base/common/cidr.ts';
import { formatIp, ipFromBytes } from '#base/common/ip.ts';
import type { ClusterInfo, IPNet } from '#protocol/cluster/generated/manager_pb.js';

/** What the traffic-manager says about the cluster, in the terms of the laptop. */
export interface ClusterFacts {
  readonly serviceSubnets: readonly Cidr[];
  readonly podSubnets: readonly Cidr[];
  readonly alsoProxy: readonly Cidr[];
  readonly neverProxy: readonly Cidr[];
  readonly allowConflicting: readonly Cidr[];
  /** Without dots at its ends. */
  readonly clusterDomain: string;
  readonly includeSuffixes: readonly string[];
  readonly excludeSuffixes: readonly string[];
  readonly managerPodIp: string | undefined;
}

export function clusterFacts(info: ClusterInfo): ClusterFacts {
  const domain =
    info.dns?.clusterDomain === undefined || info.dns.clusterDomain === '' ? info.clusterDomain : info.dns.clusterDomain;
  const managerPodIp = ipFromBytes(info.managerPodIp);
  return {
    serviceSubnets: subnets(info.serviceSubnet === undefined ? [] : [info.serviceSubnet]),
    podSubnets: subnets(info.podSubnets),
    alsoProxy: subnets(info.routing?.alsoProxySubnets ?? []),
    neverProxy: subnets(info.routing?.neverProxySubnets ?? []),
    allowConflicting: subnets(info.routing?.allowConflictingSubnets ?? []),
    clusterDomain: (domain === '' ? 'cluster.local' : domain).replace(/^\.+|\.+$/g, ''),
    includeSuffixes: info.dns?.includeSuffixes ?? [],
    excludeSuffixes: info.dns?.excludeSuffixes ?? [],
    managerPodIp: managerPodIp === undefined ? undefined : formatIp(managerPodIp),
  };
}

function subnets(nets: readonly IPNet[]): Cidr[] {
  return nets.flatMap(({ ip, mask }) => {
    const address = ipFromBytes(ip);
    // A mask that does not fit the family would become a route to something else.
    if (address === undefined || mask < 1 || mask > (address.family === 4 ? 32 : 128)) return [];
    return [cidrOf(address, mask)];
  });
}
