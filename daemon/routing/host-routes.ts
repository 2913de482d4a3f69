import { readFile } from 'node:fs/promises';
import { type Cidr, cidrOf } from '#base/common/cidr.ts';
import { ipFromBytes } from '#base/common/ip.ts';

/** A route that the laptop has, by the interface that it leaves through. */
export interface HostRoute {
  readonly cidr: Cidr;
  readonly interfaceName: string;
}

/** Flags of the kernel's table (RTF_UP, RTF_REJECT of linux/route.h): only routes that are up and lead somewhere count. */
const routeUp = 0x0001;
const routeReject = 0x0200;

/** The routes of this network namespace, IPv4 and IPv6, as the kernel lists them. Linux only; elsewhere there are none to see. */
export async function readHostRoutes(): Promise<HostRoute[]> {
  const [ipv4, ipv6] = await Promise.all([readTable('/proc/net/route'), readTable('/proc/net/ipv6_route')]);
  return [...parseIpv4Routes(ipv4), ...parseIpv6Routes(ipv6)];
}

/** Everything: of IPv4, and of IPv6 where the laptop has a way out for it. */
export function defaultRoutes(routes: readonly HostRoute[]): readonly Cidr[] {
  const ipv6 = routes.find(({ cidr }) => cidr.family === 6 && cidr.prefix === 0);
  return [cidrOf({ family: 4, value: 0n }, 0), ...(ipv6 === undefined ? [] : [ipv6.cidr])];
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as little-endian hexadecimal words. */
export function parseIpv4Routes(text: string): HostRoute[] {
  return lines(text)
    .slice(1)
    .flatMap((fields) => {
      const [interfaceName = '', destination = '', , flags = '0', , , , mask = ''] = fields;
      if (!isUsable(flags)) return [];
      const ip = ipFromBytes(Uint8Array.from(Buffer.from(destination, 'hex').reverse()));
      if (ip === undefined) return [];
      const prefix = [...Buffer.from(mask, 'hex')].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
      return [{ cidr: cidrOf(ip, prefix), interfaceName }];
    });
}

/** `destination prefix source prefix gateway metric refcnt use flags iface`, all hexadecimal. */
export function parseIpv6Routes(text: string): HostRoute[] {
  return lines(text).flatMap((fields) => {
    const [destination = '', prefix = '', , , , , , , flags = '0', interfaceName = ''] = fields;
    if (!isUsable(flags)) return [];
    const bytes = Buffer.from(destination, 'hex');
    if (bytes.length !== 16) return [];
    const value = BigInt(`0x${destination}`);
    return [{ cidr: cidrOf({ family: 6, value }, Number.parseInt(prefix, 16)), interfaceName }];
  });
}

function isUsable(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & routeUp) !== 0 && (bits & routeReject) === 0;
}

function lines(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/));
}

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
