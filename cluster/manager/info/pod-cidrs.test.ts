import { describe, expect, it } from 'vitest';
import { formatCidr } from '#base/common/cidr.ts';
import { addressesOfPod, areNodeCidrsUsable, coverPodIps, mergeCidrTexts, type PodObject, podCidrsOfNode } from './pod-cidrs.ts';

describe('pod subnets', () => {
  it.each<[string, Parameters<typeof podCidrsOfNode>[0], string[]]>([
    [
      'both families',
      { spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24', 'fd00:1::/64'] } },
      ['10.244.0.0/24', 'fd00:1::/64'],
    ],
    ['an old node', { spec: { podCIDR: '10.244.1.0/24' } }, ['10.244.1.0/24']],
    ['a node without ranges', { spec: {} }, []],
    ['a node without a spec', {}, []],
  ])('of a node: %s', (_name, node, expected) => {
    expect(podCidrsOfNode(node)).toEqual(expected);
  });

  it('join where nodes are neighbours', () => {
    const merged = mergeCidrTexts(['10.244.1.0/24', '10.244.0.0/24', '10.244.2.0/24', 'fd00::/64', 'nonsense']);
    expect(merged.map(formatCidr)).toEqual(['10.244.0.0/23', '10.244.2.0/24', 'fd00::/64']);
  });

  it.each<[string, PodObject, readonly string[] | undefined]>([
    [
      'its own, of both families',
      { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } },
      ['10.0.0.1', 'fd00::1'],
    ],
    ['only the first known', { status: { podIP: '10.0.0.1' } }, ['10.0.0.1']],
    ["the node's", { spec: { hostNetwork: true }, status: { podIP: '192.0.2.2' } }, undefined],
    ["the system's", { metadata: { namespace: 'kube-system' }, status: { podIP: '10.0.0.1' } }, undefined],
    ['given back', { status: { phase: 'Succeeded', podIP: '10.0.0.1' } }, undefined],
    ['not yet', { status: { phase: 'Pending' } }, undefined],
  ])('addresses of a pod: %s', (_name, pod, expected) => {
    expect(addressesOfPod(pod)).toEqual(expected);
  });

  it.each([
    ['no ranges', [], ['10.244.0.5'], false],
    ['ranges and no pods', ['10.244.0.0/24'], [], true],
    ['pods within', ['10.244.0.0/24', 'fd00::/64'], ['10.244.0.5', 'fd00::5'], true],
    ['a pod elsewhere, as with a network of its own', ['10.244.0.0/24'], ['10.244.0.5', '172.31.4.5'], false],
  ])('nodes are asked where they know: %s', (_name, cidrs, ips, expected) => {
    expect(areNodeCidrsUsable(mergeCidrTexts(cidrs), ips)).toBe(expected);
  });

  it.each([
    ['nothing', [], []],
    ['one pod: what a node is given', ['10.244.0.5'], ['10.244.0.0/24']],
    ['one node', ['10.244.0.5', '10.244.0.250'], ['10.244.0.0/24']],
    ['some nodes: one subnet around them', ['10.244.0.5', '10.244.3.7'], ['10.244.0.0/22']],
    ['far apart: nothing in between', ['10.1.0.5', '10.200.0.7'], ['10.1.0.0/24', '10.200.0.0/24']],
    ['neighbours join', ['10.0.0.1', '10.1.255.1'], ['10.0.0.0/24', '10.1.255.0/24']],
    ['both families', ['10.244.0.5', 'fd00::5', 'fd00::1:6'], ['10.244.0.0/24', 'fd00::/111']],
    ['what is no address', ['10.244.0.5', 'x'], ['10.244.0.0/24']],
  ])('cover %s', (_name, ips, expected) => {
    expect(coverPodIps(ips).map(formatCidr)).toEqual(expected);
  });
});
