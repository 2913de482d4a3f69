import {
  type Cidr,
  compareCidrs,
  containsCidr,
  formatCidr,
  mergeCidrs,
  overlaps,
  parseCidr,
  subtractCidr,
} from '#base/common/cidr.ts';
import { familyBits, type IpAddress } from '#base/common/ip.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HostRoute } from './host-routes.ts';

export interface RoutingInput {
  readonly serviceSubnets: readonly Cidr[];
  readonly podSubnets: readonly Cidr[];
  readonly alsoProxy: readonly Cidr[];
  readonly neverProxy: readonly Cidr[];
  readonly allowConflicting: readonly Cidr[];
  /** Subnets to reach through virtual addresses although nothing conflicts. */
  readonly vnat: readonly Cidr[];
  /** Addresses that must keep the way they have: API server, name servers. */
  readonly reserved: readonly IpAddress[];
  readonly hostRoutes: readonly HostRoute[];
  /** Interfaces whose routes are our own. */
  readonly ownInterfaces: ReadonlySet<string>;
  /** Whether a conflict moves the subnet to virtual addresses instead of failing. */
  readonly autoResolve: boolean;
  readonly virtualSubnet: Cidr;
}

export interface RoutingPlan {
  /** Exactly what is to be routed through the interface. */
  readonly routes: readonly Cidr[];
  /** Subnets reached through virtual addresses. */
  readonly translated: readonly Cidr[];
  readonly conflicts: readonly Conflict[];
}

export interface Conflict {
  readonly subnet: Cidr;
  readonly route: HostRoute;
}

/**
 * What to route into the cluster: what is wanted, without what is not, by set arithmetic, so that exceptions need no routes of their own
 * and nothing of the laptop's is touched. Between also- and never-proxy the more specific wins.
 *
 * @throws AppError `route.overlap` where a subnet conflicts with a route of the laptop and may not be moved.
 */
export function planRoutes(input: RoutingInput): RoutingPlan {
  const wanted = mergeCidrs([...input.serviceSubnets, ...input.podSubnets, ...input.alsoProxy]);
  const conflicts = wanted.flatMap((subnet) => conflictOf(subnet, input));
  const moved = conflicts.map(({ subnet }) => subnet);
  const blocking = conflicts[0];
  if (blocking !== undefined && !input.autoResolve) throw overlapError(blocking);
  // Virtual addresses are of one family: a conflicting subnet of the other stays the laptop's.
  const isTranslatable = ({ family }: Cidr) => family === input.virtualSubnet.family;
  const translated = mergeCidrs([...moved, ...intersections(wanted, input.vnat)].filter(isTranslatable));
  const direct = [...translated, ...moved].reduce((rest, cidr) => rest.flatMap((subnet) => subtractCidr(subnet, cidr)), wanted);
  const open = mergeCidrs([...direct, ...(translated.length > 0 ? [input.virtualSubnet] : [])]);
  return { routes: withoutExceptions(open, input), translated, conflicts };
}

/** Reads subnets of flags or configuration. @throws AppError `usage` naming the first that is none. */
export function parseSubnets(texts: readonly string[], flag: string): Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) {
      throw new AppError({
        code: 'usage',
        message: `"${text}" is not a subnet`,
        reason: `${flag} takes subnets such as 10.1.0.0/16`,
      });
    }
    return cidr;
  });
}

/** Two subnets meet in the smaller one, or not at all. */
function intersections(a: readonly Cidr[], b: readonly Cidr[]): Cidr[] {
  return a.flatMap((left) =>
    b.filter((right) => overlaps(left, right)).map((right) => (containsCidr(right, left) ? left : right)),
  );
}

function withoutExceptions(routes: readonly Cidr[], input: RoutingInput): Cidr[] {
  const reserved = input.reserved.map((ip): Cidr => ({ family: ip.family, value: ip.value, prefix: familyBits(ip.family) }));
  // From wide to narrow, each list entry adds or takes away; what comes later is more specific and wins.
  const steps = [
    ...input.neverProxy.map((cidr) => ({ cidr, isWanted: false })),
    ...input.alsoProxy.map((cidr) => ({ cidr, isWanted: true })),
  ].toSorted((a, b) => a.cidr.prefix - b.cidr.prefix || compareCidrs(a.cidr, b.cidr) || Number(a.isWanted) - Number(b.isWanted));
  let result = [...routes];
  for (const { cidr, isWanted } of steps) {
    result = isWanted ? addBack(result, cidr, routes) : result.flatMap((route) => subtractCidr(route, cidr));
  }
  for (const cidr of reserved) result = result.flatMap((route) => subtractCidr(route, cidr));
  return mergeCidrs(result);
}

function addBack(result: readonly Cidr[], cidr: Cidr, routes: readonly Cidr[]): Cidr[] {
  return routes.some((route) => containsCidr(route, cidr)) ? [...result, cidr] : [...result];
}

function conflictOf(subnet: Cidr, input: RoutingInput): Conflict[] {
  if (input.allowConflicting.some((cidr) => containsCidr(cidr, subnet))) return [];
  const route = input.hostRoutes.find(
    (candidate) =>
      !input.ownInterfaces.has(candidate.interfaceName) &&
      candidate.interfaceName !== 'lo' &&
      // A default route, and the two halves that VPNs use for one, give way to anything more specific.
      candidate.cidr.prefix > 1 &&
      overlaps(candidate.cidr, subnet) &&
      !isException(candidate.cidr, input),
  );
  return route === undefined ? [] : [{ subnet, route }];
}

/** A route that is left alone anyway: inside never-proxy, or just for an address that keeps its way. */
function isException(cidr: Cidr, input: RoutingInput): boolean {
  if (input.neverProxy.some((never) => containsCidr(never, cidr))) return true;
  return (
    cidr.prefix === familyBits(cidr.family) && input.reserved.some((ip) => ip.family === cidr.family && ip.value === cidr.value)
  );
}

function overlapError({ subnet, route }: Conflict): AppError {
  const text = formatCidr(subnet);
  return new AppError({
    code: 'route.overlap',
    message: `The cluster's subnet ${text} overlaps with the route ${formatCidr(route.cidr)} through ${route.interfaceName}`,
    reason: 'Routing it into the cluster would cut that route off',
    context: { subnet: text, route: formatCidr(route.cidr), interface: route.interfaceName },
    remedies: [
      { label: 'Reach it through virtual addresses', command: `telepresence connect --vnat ${text}` },
      { label: 'Or route it into the cluster all the same', command: `telepresence connect --allow-conflicting-subnets ${text}` },
      { label: 'Or leave it out', command: `telepresence connect --never-proxy ${formatCidr(route.cidr)}` },
    ],
  });
}
