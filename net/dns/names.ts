import type { Cidr } from '#base/common/cidr.ts';
import { type IpAddress, ipToBytes, parseIp } from '#base/common/ip.ts';

/** The form in which names are compared: lower case (RFC 4343), no dot at either end. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/^\.+|\.+$/g, '');
}

/** Whether `name` is `domain` or lies below it. Both normalized; the root contains everything. */
export function isWithin(name: string, domain: string): boolean {
  return domain === '' || name === domain || (name.endsWith(domain) && name[name.length - domain.length - 1] === '.');
}

/** What stands in front of the domain: `web` of `web.corp` below `corp`; `undefined` when nothing does or it is elsewhere. */
export function labelsBefore(name: string, domain: string): string | undefined {
  return name !== domain && domain !== '' && isWithin(name, domain) ? name.slice(0, -domain.length - 1) : undefined;
}

/** The name under which an address is looked up backwards: `4.3.2.1.in-addr.arpa` or 32 nibbles and `ip6.arpa`. */
export function reverseName(address: IpAddress): string {
  const bytes = [...ipToBytes(address)];
  if (address.family === 4) return `${bytes.reverse().join('.')}.in-addr.arpa`;
  const nibbles = bytes.flatMap((byte) => [(byte >> 4).toString(16), (byte & 15).toString(16)]);
  return `${nibbles.reverse().join('.')}.ip6.arpa`;
}

/** The opposite of `reverseName`, for whole addresses only. */
export function parseReverseName(name: string): IpAddress | undefined {
  const quads = labelsBefore(name, 'in-addr.arpa');
  if (quads !== undefined) return parseIp(quads.split('.').reverse().join('.'));
  const nibbles = labelsBefore(name, 'ip6.arpa')?.split('.').reverse();
  if (nibbles?.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined;
  return parseIp(nibbles.join('').replaceAll(/(.{4})(?=.)/g, '$1:'));
}

/** A reverse-look-up zone for each subnet on an octet (IPv4) or nibble (IPv6) boundary, so that resolvers can route PTR questions. */
export function reverseZones(subnets: readonly Cidr[]): string[] {
  const zones = new Set<string>();
  for (const subnet of subnets) {
    const labels = reverseName(subnet).split('.');
    const [bitsPerLabel, total] = subnet.family === 4 ? [8, 4] : [4, 32];
    // A subnet between two boundaries is widened to the outer one: what is not the cluster's is passed on.
    const kept = Math.max(1, Math.floor(subnet.prefix / bitsPerLabel));
    zones.add(labels.slice(total - kept).join('.'));
  }
  return [...zones];
}

/** Text that a resolver understands as "this name and no search": with a final dot. */
export function withFinalDot(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}
