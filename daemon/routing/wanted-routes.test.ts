import { describe, expect, it } from 'vitest';
import { formatCidr } from '#base/common/cidr.ts';
import { type IpAddress, parseIp } from '#base/common/ip.ts';
import { parseIpv4Routes, parseIpv6Routes } from './host-routes.ts';
import { parseSubnets, planRoutes, type RoutingInput } from './wanted-routes.ts';

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const cidrs = (...texts: string[]) => parseSubnets(texts, 'test');
const [virtualSubnet] = cidrs('246.246.0.0/16');
if (virtualSubnet === undefined) throw new Error('no virtual subnet');

const cluster: RoutingInput = {
  serviceSubnets: cidrs('10.96.0.0/16'),
  podSubnets: cidrs('10.244.0.0/24', '10.244.1.0/24'),
  alsoProxy: [],
  neverProxy: [],
  allowConflicting: [],
  vnat: [],
  reserved: [],
  hostRoutes: [],
  ownInterfaces: new Set(),
  autoResolve: true,
  virtualSubnet,
};

const routesOf = (change: Partial<RoutingInput>) => planRoutes({ ...cluster, ...change }).routes.map(formatCidr);
const hostRoute = (subnet: string, interfaceName = 'tun0') => ({ cidr: cidrs(subnet)[0] ?? virtualSubnet, interfaceName });

describe('routes into the cluster', () => {
  it('are services and pods, neighbours joined', () => {
    expect(routesOf({})).toEqual(['10.96.0.0/16', '10.244.0.0/23']);
  });

  it('leave out what is never to be proxied', () => {
    expect(routesOf({ podSubnets: [], neverProxy: cidrs('10.96.128.0/17') })).toEqual(['10.96.0.0/17']);
  });

  it('let the more specific of also and never win', () => {
    const change = {
      serviceSubnets: [],
      podSubnets: [],
      alsoProxy: cidrs('192.168.0.0/16', '192.168.5.1/32'),
      neverProxy: cidrs('192.168.4.0/22'),
    };
    const routes = routesOf(change);
    expect(routes).toContain('192.168.5.1/32');
    expect(routes).not.toContain('192.168.0.0/16');
    expect(routes.some((route) => route.startsWith('192.168.4.'))).toBe(false);
  });

  it('never hold the API server or a name server', () => {
    const routes = planRoutes({ ...cluster, podSubnets: [], reserved: [ip('10.96.0.1')] }).routes;
    expect(routes).toHaveLength(16);
    expect(routes.map(formatCidr)).toContain('10.96.0.0/32');
    expect(routes.map(formatCidr)).not.toContain('10.96.0.1/32');
  });

  it('move a subnet that the laptop has a route to', () => {
    const plan = planRoutes({ ...cluster, podSubnets: [], hostRoutes: [hostRoute('10.96.4.0/24')] });
    expect(plan.routes.map(formatCidr)).toEqual(['246.246.0.0/16']);
    expect(plan.translated.map(formatCidr)).toEqual(['10.96.0.0/16']);
    expect(plan.conflicts).toHaveLength(1);
  });

  it('fail with both routes named where moving is off', () => {
    expect(() => planRoutes({ ...cluster, autoResolve: false, hostRoutes: [hostRoute('10.96.4.0/24')] })).toThrow(
      "The cluster's subnet 10.96.0.0/16 overlaps with the route 10.96.4.0/24 through tun0",
    );
  });

  it('see no conflict in default routes, halves of one, own routes, allowed ones and exceptions', () => {
    const hostRoutes = [
      hostRoute('0.0.0.0/0'),
      hostRoute('0.0.0.0/1'),
      hostRoute('10.96.0.0/16', 'tel0'),
      hostRoute('10.244.0.0/16'),
      hostRoute('10.96.9.9/32'),
    ];
    const change = {
      hostRoutes,
      ownInterfaces: new Set(['tel0']),
      allowConflicting: cidrs('10.244.0.0/16'),
      reserved: [ip('10.96.9.9')],
    };
    expect(planRoutes({ ...cluster, ...change }).conflicts).toEqual([]);
  });

  it('translate what is asked for without a conflict', () => {
    expect(planRoutes({ ...cluster, vnat: cidrs('10.96.0.0/16') }).translated.map(formatCidr)).toEqual(['10.96.0.0/16']);
  });

  it('translate just the part that is asked for', () => {
    const plan = planRoutes({ ...cluster, podSubnets: [], vnat: cidrs('10.96.128.0/17') });
    expect(plan.routes.map(formatCidr)).toEqual(['10.96.0.0/17', '246.246.0.0/16']);
  });

  it('name a subnet that is none', () => {
    expect(() => parseSubnets(['10.0.0.0/33'], '--also-proxy')).toThrow('"10.0.0.0/33" is not a subnet');
  });
});

describe('routes of the laptop', () => {
  it('are read from the kernel table of IPv4', () => {
    const text = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
      'eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0',
      'lo\t0000000A\t00000000\t0200\t0\t0\t0\t000000FF\t0\t0\t0',
    ].join('\n');
    expect(parseIpv4Routes(text).map(({ cidr, interfaceName }) => `${formatCidr(cidr)} ${interfaceName}`)).toEqual([
      '0.0.0.0/0 eth0',
      '192.168.1.0/24 eth0',
    ]);
  });

  it('are read from the kernel table of IPv6', () => {
    const zeros = '0'.repeat(32);
    const text = `fd000000000000000000000000000000 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     eth0\n`;
    expect(parseIpv6Routes(text).map(({ cidr }) => formatCidr(cidr))).toEqual(['fd00::/64']);
  });
});
