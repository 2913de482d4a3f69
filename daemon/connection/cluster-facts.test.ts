import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { formatCidr } from '#base/common/cidr.ts';
import { ClusterInfoSchema } from '#protocol/cluster/generated/manager_pb.js';
import { clusterFacts } from './cluster-facts.ts';

const net = (ip: readonly number[], mask: number) => ({ ip: Uint8Array.from(ip), mask });
const v6 = (...head: readonly number[]) => [...head, ...Array.from({ length: 16 - head.length }, () => 0)];
const factsOf = (info: Parameters<typeof create<typeof ClusterInfoSchema>>[1]) => clusterFacts(create(ClusterInfoSchema, info));

describe('facts about a cluster', () => {
  it('are subnets of both families, with host bits cleared', () => {
    const facts = factsOf({
      serviceSubnet: net([10, 96, 0, 1], 12),
      podSubnets: [net([10, 244, 0, 0], 24), net(v6(0xfd, 0), 64)],
      routing: {
        alsoProxySubnets: [net([192, 168, 0, 0], 16)],
        neverProxySubnets: [net([10, 96, 7, 0], 24)],
        allowConflictingSubnets: [net([10, 0, 0, 0], 8)],
      },
      managerPodIp: Uint8Array.of(10, 244, 0, 9),
    });
    expect(facts.serviceSubnets.map(formatCidr)).toEqual(['10.96.0.0/12']);
    expect(facts.podSubnets.map(formatCidr)).toEqual(['10.244.0.0/24', 'fd00::/64']);
    expect(facts.alsoProxy.map(formatCidr)).toEqual(['192.168.0.0/16']);
    expect(facts.neverProxy.map(formatCidr)).toEqual(['10.96.7.0/24']);
    expect(facts.allowConflicting.map(formatCidr)).toEqual(['10.0.0.0/8']);
    expect(facts.managerPodIp).toBe('10.244.0.9');
  });

  it('leave out what would be a route to something else: no mask, a mask too long, half an address', () => {
    const podSubnets = [
      net([10, 0, 0, 0], 0),
      net([10, 0, 0, 0], 33),
      net([10, 0, 0, 0], -1),
      net([10, 0, 0], 8),
      net([], 8),
      net(v6(0xfd), 129),
      net([10, 1, 0, 0], 32),
      net(v6(0xfd), 128),
    ];
    expect(factsOf({ podSubnets }).podSubnets.map(formatCidr)).toEqual(['10.1.0.0/32', 'fd00::/128']);
  });

  it('are few where the traffic-manager says little', () => {
    expect(factsOf({})).toEqual({
      serviceSubnets: [],
      podSubnets: [],
      alsoProxy: [],
      neverProxy: [],
      allowConflicting: [],
      clusterDomain: 'cluster.local',
      includeSuffixes: [],
      excludeSuffixes: [],
      managerPodIp: undefined,
    });
  });

  it.each([
    [{ clusterDomain: 'k8s.test.' }, 'k8s.test'],
    [{ clusterDomain: 'old.test.', dns: { clusterDomain: '.new.test.' } }, 'new.test'],
    [{ clusterDomain: 'old.test.', dns: { clusterDomain: '' } }, 'old.test'],
  ])('have the domain of the DNS settings first, without dots at its ends: %j', (info, domain) => {
    expect(factsOf(info).clusterDomain).toBe(domain);
  });
});
