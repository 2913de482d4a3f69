import { familyBits, formatIp, type IpAddress, parseIp } from './ip.ts';

/** A subnet in canonical form: the bits behind the prefix are zero. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly value: bigint;
  /** Prefix length: 0–32 or 0–128. */
  readonly prefix: number;
}

/**
 * Reads `address/prefix`. Host bits may be set and are cleared; a bare address is a subnet of one.
 *
 * @returns the subnet, or `undefined` where the text is not one.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefixText, ...rest] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  if (prefixText === undefined) return cidrOf(ip, familyBits(ip.family));
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  return prefix > familyBits(ip.family) ? undefined : cidrOf(ip, prefix);
}

/** The subnet of the given prefix length around an address. */
export function cidrOf(ip: IpAddress, prefix: number): Cidr {
  const hostBits = BigInt(familyBits(ip.family) - prefix);
  return { family: ip.family, value: (ip.value >> hostBits) << hostBits, prefix };
}

/** Canonical text, always with the prefix. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr)}/${cidr.prefix}`;
}

/** Whether the subnet contains the address. */
export function containsIp(cidr: Cidr, ip: IpAddress): boolean {
  return cidr.family === ip.family && cidrOf(ip, cidr.prefix).value === cidr.value;
}

/** Whether `outer` contains all of `inner`; a subnet contains itself. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsIp(outer, inner);
}

/** Whether the two share an address, which for subnets means that one contains the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a);
}

/** What is left of `cidr` without `hole`: at most one subnet for each bit between the prefixes, in address order. */
export function subtractCidr(cidr: Cidr, hole: Cidr): Cidr[] {
  if (!overlaps(cidr, hole)) return [cidr];
  if (containsCidr(hole, cidr)) return [];
  const [low, high] = halves(cidr);
  return [...subtractCidr(low, hole), ...subtractCidr(high, hole)];
}

/** The fewest subnets that cover exactly the same addresses, IPv4 first, in address order. */
export function mergeCidrs(cidrs: readonly Cidr[]): Cidr[] {
  const sorted = [...cidrs].sort(compareCidrs);
  const merged: Cidr[] = [];
  for (const cidr of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && containsCidr(last, cidr)) continue;
    merged.push(cidr);
    joinSiblings(merged);
  }
  return merged;
}

/** Orders by family, address, then the larger subnet first. */
export function compareCidrs(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.prefix - b.prefix;
}

/** The smallest subnet that contains every address; `undefined` for none. Addresses must be of one family. */
export function coveringCidr(ips: readonly IpAddress[]): Cidr | undefined {
  const [first, ...rest] = ips;
  if (first === undefined) return undefined;
  let cover = cidrOf(first, familyBits(first.family));
  for (const ip of rest) {
    while (!containsIp(cover, ip)) cover = cidrOf(first, cover.prefix - 1);
  }
  return cover;
}

function halves(cidr: Cidr): [Cidr, Cidr] {
  const prefix = cidr.prefix + 1;
  const bit = 1n << BigInt(familyBits(cidr.family) - prefix);
  return [
    { family: cidr.family, value: cidr.value, prefix },
    { family: cidr.family, value: cidr.value | bit, prefix },
  ];
}

function joinSiblings(merged: Cidr[]): void {
  for (;;) {
    const high = merged.at(-1);
    const low = merged.at(-2);
    if (high === undefined || low === undefined || high.prefix === 0) return;
    if (low.family !== high.family || low.prefix !== high.prefix) return;
    const parent = cidrOf(low, low.prefix - 1);
    if (parent.value !== low.value || !containsCidr(parent, high)) return;
    merged.splice(-2, 2, parent);
  }
}
