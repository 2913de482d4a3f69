import { type Cidr, cidrOf, containsIp, coveringCidr, mergeCidrs, parseCidr } from '#base/common/cidr.ts';
import { type IpAddress, parseIp } from '#base/common/ip.ts';

export interface NodeObject {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] };
}

export interface PodObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly hostNetwork?: boolean };
  readonly status?: { readonly phase?: string; readonly podIP?: string; readonly podIPs?: readonly { readonly ip?: string }[] };
}

/**
 * How wide and how narrow a subnet around observed addresses may be. Pods further apart than `widest` get subnets of their own, since
 * what lies between is not the cluster's; `narrowest` is what a node is usually given, so that the next pod does not change the routes.
 */
const coverPrefix = { 4: { widest: 16, narrowest: 24 }, 6: { widest: 64, narrowest: 112 } } as const;

/** The ranges that a node may give to its pods, as texts. */
export function podCidrsOfNode(node: NodeObject): readonly string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  return podCIDRs ?? (podCIDR === undefined || podCIDR === '' ? [] : [podCIDR]);
}

/** Addresses of a pod's own; `undefined` for a pod that has none: it shares the node's, has ended, or is the system's. */
export function addressesOfPod(pod: PodObject): readonly string[] | undefined {
  if (pod.spec?.hostNetwork === true || pod.metadata?.namespace === 'kube-system') return undefined;
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined;
  const { podIP, podIPs } = pod.status ?? {};
  const ips = podIPs?.flatMap(({ ip }) => ip ?? []) ?? (podIP === undefined ? [] : [podIP]);
  return ips.length === 0 ? undefined : ips;
}

/** The fewest subnets with exactly the addresses of the given ones; what is no subnet is left out. */
export function mergeCidrTexts(texts: readonly string[]): readonly Cidr[] {
  return mergeCidrs(texts.flatMap((text) => parseCidr(text) ?? []));
}

/** Whether nodes say where pods are: each observed pod is within one of their ranges. */
export function areNodeCidrsUsable(nodeCidrs: readonly Cidr[], podIps: readonly string[]): boolean {
  return nodeCidrs.length > 0 && parseIps(podIps).every((ip) => nodeCidrs.some((cidr) => containsIp(cidr, ip)));
}

/** Subnets around observed addresses: one for each /16 (IPv4) or /64 (IPv6) with pods, as small as these allow but not below a node's. */
export function coverPodIps(podIps: readonly string[]): readonly Cidr[] {
  const groups = new Map<string, IpAddress[]>();
  for (const ip of parseIps(podIps)) {
    const wide = cidrOf(ip, coverPrefix[ip.family].widest);
    const key = `${wide.family} ${wide.value}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [ip]);
    else group.push(ip);
  }
  const covers = [...groups.values()].flatMap((ips) => {
    const cover = coveringCidr(ips);
    if (cover === undefined) return [];
    return [cidrOf(cover, Math.min(cover.prefix, coverPrefix[cover.family].narrowest))];
  });
  return mergeCidrs(covers);
}

function parseIps(texts: readonly string[]): IpAddress[] {
  return texts.flatMap((text) => parseIp(text) ?? []);
}
