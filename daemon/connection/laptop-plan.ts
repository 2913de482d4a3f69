import { type Cidr, containsCidr, formatCidr, parseCidr } from '#base/common/cidr.ts';
import type { IpAddress } from '#base/common/ip.ts';
import { normalizeName, reverseZones } from '#net/dns/names.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HostRoute } from '../routing/host-routes.ts';
import { VirtualAddresses } from '../routing/virtual-addresses.ts';
import { parseSubnets, planRoutes, type RoutingPlan } from '../routing/wanted-routes.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import type { ConditionText } from './health-conditions.ts';
import type { WantedLaptop } from './laptop-side.ts';
import type { ConnectionSettings } from './settings.ts';

export interface LaptopPlanInput {
  readonly facts: ClusterFacts;
  readonly settings: ConnectionSettings;
  /** `--vnat`: subnets, or `service`, `pods`, `also`, `all`. */
  readonly vnat: readonly string[];
  readonly namespace: string;
  readonly namespaces: () => ReadonlySet<string>;
  /** Addresses of the API server. */
  readonly serverIps: readonly IpAddress[];
  readonly hostRoutes: readonly HostRoute[];
  /** Routed through the interface as well, and not the cluster's: where that is the only way out. */
  readonly defaultRoutes?: readonly Cidr[];
  readonly ownInterface: string | undefined;
  /** Virtual addresses that programs know already. */
  readonly virtual: VirtualAddresses | undefined;
}

export interface LaptopPlan {
  readonly routing: RoutingPlan;
  readonly virtual: VirtualAddresses | undefined;
  readonly wanted: WantedLaptop;
}

/** What the laptop has to be like, from what the cluster is and the person wants. @throws AppError `route.overlap`, `usage`. */
export function planLaptop(input: LaptopPlanInput): LaptopPlan {
  const { facts, settings } = input;
  const pool = virtualPool(settings);
  const also = [...parseSubnets(settings.alsoProxy, '--also-proxy'), ...facts.alsoProxy];
  const routing = planRoutes({
    serviceSubnets: facts.serviceSubnets,
    podSubnets: facts.podSubnets,
    alsoProxy: also,
    neverProxy: [...parseSubnets(settings.neverProxy, '--never-proxy'), ...facts.neverProxy],
    allowConflicting: [...parseSubnets(settings.allowConflicting, '--allow-conflicting-subnets'), ...facts.allowConflicting],
    vnat: vnatSubnets(input.vnat, facts, also),
    reserved: input.serverIps,
    hostRoutes: input.hostRoutes,
    ownInterfaces: new Set(input.ownInterface === undefined ? [] : [input.ownInterface]),
    autoResolve: settings.autoResolveConflicts,
    virtualSubnet: pool,
  });
  const virtual = virtualAddresses(routing, pool, input.virtual);
  const dnsSettings = dns(input, routing, virtual);
  return {
    routing,
    virtual,
    wanted: {
      routes: [...routing.routes, ...(input.defaultRoutes ?? [])],
      reserved: input.serverIps,
      helperLogLevel: settings.helperLogLevel,
      domains: domains(input, dnsSettings.includeSuffixes, routing.routes),
      dns: dnsSettings,
      formerServers: settings.dns.localAddresses,
    },
  };
}

/** The condition that tells of a moved subnet; `undefined` where nothing had to be moved. */
export function conflictCondition({ conflicts: [first], translated }: RoutingPlan): ConditionText | undefined {
  if (first === undefined) return undefined;
  const { subnet, route } = first;
  const isMoved = translated.some((cidr) => containsCidr(cidr, subnet));
  return {
    code: 'route.overlap',
    severity: 'warning',
    title: isMoved ? 'A subnet of the cluster is reached through virtual addresses' : 'A subnet of the cluster is not reached',
    message:
      `The cluster's subnet ${formatCidr(subnet)} overlaps with the route ${formatCidr(route.cidr)} through ${route.interfaceName}: ` +
      (isMoved ? 'names work, literal addresses of that subnet do not' : 'there are no virtual addresses of its family'),
    remedies: [
      { label: 'Route it all the same', command: `telepresence connect --allow-conflicting-subnets ${formatCidr(subnet)}` },
    ],
  };
}

function dns(input: LaptopPlanInput, routing: RoutingPlan, virtual: VirtualAddresses | undefined): WantedLaptop['dns'] {
  const { facts, settings } = input;
  return {
    clusterDomain: facts.clusterDomain,
    connectedNamespace: input.namespace,
    namespaces: input.namespaces,
    includeSuffixes: [...new Set([...settings.dns.includeSuffixes, ...facts.includeSuffixes])],
    excludeSuffixes: [...new Set([...settings.dns.excludeSuffixes, ...facts.excludeSuffixes])],
    excludes: settings.dns.excludes,
    mappings: settings.dns.mappings,
    lookupTimeoutMs: settings.dns.lookupTimeoutMs,
    subnets: routing.routes,
    ...(virtual === undefined
      ? {}
      : {
          rewriteAddress: (address: IpAddress) => virtual.virtualOf(address),
          restoreAddress: (address: IpAddress) => virtual.realOf(address),
        }),
  };
}

/** What a resolver that knows several servers sends here, and the domain that it puts behind single labels. */
function domains({ namespaces, facts }: LaptopPlanInput, suffixes: readonly string[], routes: readonly Cidr[]): string[] {
  const names = [...namespaces(), 'svc', facts.clusterDomain, ...suffixes, ...reverseZones(routes)].map(normalizeName);
  return ['tel2-search', ...names.map((name) => `~${name}`)];
}

/** What programs know stays valid while the same subnets are translated. */
function virtualAddresses(plan: RoutingPlan, pool: Cidr, current: VirtualAddresses | undefined): VirtualAddresses | undefined {
  if (plan.translated.length === 0) return undefined;
  const same = (a: readonly Cidr[], b: readonly Cidr[]) => a.map(formatCidr).join() === b.map(formatCidr).join();
  return current !== undefined && same(current.translated, plan.translated)
    ? current
    : new VirtualAddresses(pool, plan.translated);
}

function virtualPool(settings: ConnectionSettings): Cidr {
  const pool = parseCidr(settings.virtualSubnet);
  if (pool !== undefined) return pool;
  throw new AppError({ code: 'config.invalid', message: `routing.virtualSubnet is not a subnet: "${settings.virtualSubnet}"` });
}

function vnatSubnets(texts: readonly string[], facts: ClusterFacts, also: readonly Cidr[]): Cidr[] {
  return texts.flatMap((text) => {
    switch (text) {
      case 'service':
        return [...facts.serviceSubnets];
      case 'pods':
        return [...facts.podSubnets];
      case 'also':
        return [...also];
      case 'all':
        return [...facts.serviceSubnets, ...facts.podSubnets, ...also];
      default:
        return parseSubnets([text], '--vnat');
    }
  });
}
