import { type Cidr, containsIp } from '#base/common/cidr.ts';
import { formatIp, type IpAddress, parseIp } from '#base/common/ip.ts';
import { dnsType } from '#net/dns/constants.ts';
import { isWithin, labelsBefore, normalizeName, parseReverseName, reverseName } from '#net/dns/names.ts';

/** What decides where a name is looked up. Suffixes, domains and names may carry a dot at either end, in any case. */
export interface DnsPolicy {
  /** The cluster's own word for `cluster.local`. */
  readonly clusterDomain: string;
  readonly connectedNamespace: string;
  /** Mapped namespaces, or all that are known; asked for each question, so that new ones count at once. */
  namespaces(): ReadonlySet<string>;
  readonly includeSuffixes: readonly string[];
  readonly excludeSuffixes: readonly string[];
  /** Names that are never the cluster's, as typed (`web`) or in full. */
  readonly excludes: readonly string[];
  readonly mappings: readonly { readonly name: string; readonly aliasFor: string }[];
  /** Address that this server is asked on. */
  readonly serverAddress: string;
  /** Search path of the laptop's own resolver. */
  readonly search: readonly string[];
  /** Subnets that are the cluster's: addresses inside are looked up backwards there. */
  readonly subnets?: readonly Cidr[];
  /** Where virtual addresses are in use: the cluster's own address behind a virtual one. */
  restoreAddress?(address: IpAddress): IpAddress | undefined;
}

/** `name` is normalized. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
}

export type Route =
  /** Ask the cluster for each name in turn until one exists; then do what `otherwise` says. */
  | { readonly kind: 'cluster'; readonly names: readonly string[]; readonly otherwise: 'former' | 'nxdomain' }
  /** Ask the resolver that was there before, with the question as it came. */
  | { readonly kind: 'former' }
  | { readonly kind: 'nxdomain' }
  /** The name is another one's alias: CNAME, and the target's answer. */
  | { readonly kind: 'alias'; readonly target: string }
  /** The name has exactly these addresses. */
  | { readonly kind: 'addresses'; readonly addresses: readonly IpAddress[] }
  | { readonly kind: 'pointer'; readonly target: string };

/** Put behind a name by the laptop's resolver, where the hook can set its search path: "look in the connected namespace". */
export const searchDomain = 'tel2-search';

/** A policy in the form that `route` reads: everything normalized once. */
export interface PreparedPolicy {
  readonly source: DnsPolicy;
  readonly clusterDomain: string;
  readonly includeSuffixes: readonly string[];
  readonly excludeSuffixes: readonly string[];
  readonly excludes: ReadonlySet<string>;
  readonly mappings: ReadonlyMap<string, string>;
  readonly search: readonly string[];
  readonly serverName: string | undefined;
}

export function preparePolicy(source: DnsPolicy): PreparedPolicy {
  const clusterDomain = normalizeName(source.clusterDomain);
  const serverAddress = parseIp(source.serverAddress);
  const names = (list: readonly string[]) => list.map(normalizeName).filter((name) => name !== '');
  return {
    source,
    clusterDomain,
    // Whatever is excluded, the cluster's own domain is the cluster's, also when it ends in `.com`.
    includeSuffixes: [...names(source.includeSuffixes), clusterDomain],
    excludeSuffixes: names(source.excludeSuffixes),
    excludes: new Set(names(source.excludes)),
    mappings: new Map(source.mappings.map(({ name, aliasFor }) => [normalizeName(name), aliasFor])),
    search: names(source.search).filter((domain) => domain !== searchDomain && !isWithin(domain, clusterDomain)),
    serverName: serverAddress === undefined ? undefined : reverseName(serverAddress),
  };
}

/**
 * Where a question is answered. In order: proxy discovery and service browsing, reverse names, `localhost`, excluded names,
 * mappings, suffixes, and last the name's form: one label, `name.namespace`, `….svc`, the cluster domain.
 *
 * A name that may be somebody else's too (`nas`, `web.dev`) goes to the former resolver when the cluster does not have it; names
 * that only the cluster can have do not leave the laptop's way to it.
 */
export function route(question: DnsQuestion, policy: PreparedPolicy): Route {
  const { name } = question;
  const searched = labelsBefore(name, searchDomain);
  const elsewhere: Route = searched === undefined && name !== searchDomain ? { kind: 'former' } : { kind: 'nxdomain' };
  const bare = searched ?? withoutLaptopSearch(name, policy) ?? name;

  if (name === '' || name === searchDomain) return elsewhere;
  if (name === 'wpad' || name.startsWith('wpad.')) return { kind: 'nxdomain' };
  if (isServiceBrowsing(name)) return elsewhere;
  if (isWithin(name, 'arpa')) return routeReverse(question, policy);
  if (isWithin(bare, 'localhost')) return { kind: 'addresses', addresses: loopback };

  const candidates = clusterNames(bare, policy, searched !== undefined);
  if ([name, bare, ...candidates].some((candidate) => policy.excludes.has(candidate))) return elsewhere;
  const alias = policy.mappings.get(name) ?? policy.mappings.get(bare);
  if (alias !== undefined) return routeAlias(alias);
  if (isExcludedSuffix(searched ?? name, policy) || candidates.length === 0) return elsewhere;

  const isOnlyTheClusters =
    searched !== undefined || bare.endsWith('.svc') || policy.includeSuffixes.some((suffix) => isWithin(bare, suffix));
  return { kind: 'cluster', names: candidates, otherwise: isOnlyTheClusters ? 'nxdomain' : 'former' };
}

const loopback = ['127.0.0.1', '::1'].flatMap((text) => parseIp(text) ?? []);

/** The names that a program in a pod of the connected namespace could mean by it, most likely first. */
function clusterNames(bare: string, policy: PreparedPolicy, isSearched: boolean): string[] {
  const inNamespace = `${bare}.${policy.source.connectedNamespace}.svc.${policy.clusterDomain}`;
  const lastLabel = bare.slice(bare.lastIndexOf('.') + 1);
  if (policy.includeSuffixes.some((suffix) => isWithin(bare, suffix))) return [bare];
  if (lastLabel === bare) return [inNamespace];
  if (lastLabel === 'svc') return [`${bare}.${policy.clusterDomain}`];
  const names: string[] = [];
  if (lastLabel === policy.source.connectedNamespace || policy.source.namespaces().has(lastLabel)) {
    names.push(`${bare}.svc.${policy.clusterDomain}`);
  }
  if (isSearched || isStatefulPod(bare)) names.push(inNamespace);
  return names;
}

/**
 * `web-0.web`: a pod of a StatefulSet and its headless Service, as pods of the namespace call each other. Other names of two labels are
 * too often somebody else's to ask the cluster about each of them.
 */
function isStatefulPod(bare: string): boolean {
  return /^[a-z0-9-]*[a-z0-9]-[0-9]+\.[a-z0-9-]+$/.test(bare);
}

/**
 * Where the search path cannot be set, the laptop's resolver appends its own domains to a single label, and it does so before it asks
 * for the label alone. The label is then looked up in the connected namespace first.
 */
function withoutLaptopSearch(name: string, policy: PreparedPolicy): string | undefined {
  for (const domain of policy.search) {
    const bare = labelsBefore(name, domain);
    if (bare !== undefined && (!bare.includes('.') || clusterNames(bare, policy, false).length > 0)) return bare;
  }
  return undefined;
}

function routeAlias(aliasFor: string): Route {
  const address = parseIp(aliasFor);
  return address === undefined ? { kind: 'alias', target: normalizeName(aliasFor) } : { kind: 'addresses', addresses: [address] };
}

function routeReverse({ name, type }: DnsQuestion, policy: PreparedPolicy): Route {
  if (name === policy.serverName && type === dnsType.ptr) return { kind: 'pointer', target: policy.clusterDomain };
  const address = parseReverseName(name);
  if (address === undefined) return { kind: 'former' };
  const original = policy.source.restoreAddress?.(address) ?? address;
  const isClusters =
    formatIp(original) !== formatIp(address) || (policy.source.subnets ?? []).some((subnet) => containsIp(subnet, original));
  return isClusters ? { kind: 'cluster', names: [reverseName(original)], otherwise: 'nxdomain' } : { kind: 'former' };
}

/** An include suffix that is as long or longer wins. */
function isExcludedSuffix(name: string, { excludeSuffixes, includeSuffixes }: PreparedPolicy): boolean {
  // A suffix is about names below it: a service called `io` is not excluded by `.io`.
  const excluded = longest(excludeSuffixes.filter((suffix) => labelsBefore(name, suffix) !== undefined));
  return excluded > 0 && longest(includeSuffixes.filter((suffix) => isWithin(name, suffix))) < excluded;
}

function longest(suffixes: readonly string[]): number {
  return Math.max(0, ...suffixes.map((suffix) => suffix.length));
}

/** RFC 6763 section 11: `b._dns-sd._udp.<domain>` and the like, which clusters never have. */
function isServiceBrowsing(name: string): boolean {
  return /(^|\.)_dns-sd\._udp(\.|$)/.test(name);
}
