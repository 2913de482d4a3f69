import { describe, expect, it } from 'vitest';
import { type Cidr, formatCidr } from '#base/common/cidr.ts';
import { formatIp, type IpAddress, parseIp } from '#base/common/ip.ts';
import { parseSubnets } from '../routing/wanted-routes.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { conflictCondition, type LaptopPlanInput, planLaptop } from './laptop-plan.ts';
import type { ConnectionSettings } from './settings.ts';

const cidrs = (...texts: string[]): Cidr[] => parseSubnets(texts, 'test');
const ip = (text: string): IpAddress => parseIp(text) ?? { family: 4, value: 0n };
const hostRoute = (text: string, interfaceName: string) =>
  ({ cidr: cidrs(text)[0] ?? { family: 4, value: 0n, prefix: 0 }, interfaceName }) as const;

const facts: ClusterFacts = {
  serviceSubnets: cidrs('10.96.0.0/16'),
  podSubnets: cidrs('10.244.0.0/24', '10.244.1.0/24'),
  alsoProxy: [],
  neverProxy: [],
  allowConflicting: [],
  clusterDomain: 'cluster.local',
  includeSuffixes: ['.pushed.test'],
  excludeSuffixes: ['.com'],
  managerPodIp: undefined,
};

const settings: ConnectionSettings = {
  helperLogLevel: 'info',
  managerNamespace: 'ambassador',
  mappedNamespaces: [],
  alsoProxy: [],
  neverProxy: [],
  allowConflicting: [],
  virtualSubnet: '246.246.0.0/16',
  autoResolveConflicts: true,
  dns: {
    includeSuffixes: ['.mine.test'],
    excludeSuffixes: [],
    excludes: [],
    mappings: [],
    lookupTimeoutMs: 8_000,
    recursionCheck: true,
    localAddresses: [],
  },
  agentPortForward: true,
  dialTimeoutMs: 5_000,
  connectTimeoutMs: 30_000,
  interceptTimeoutMs: 30_000,
};

const planOf = (change: Partial<LaptopPlanInput> = {}) =>
  planLaptop({
    facts,
    settings,
    vnat: [],
    namespace: 'default',
    namespaces: () => new Set(['default', 'shop']),
    serverIps: [],
    hostRoutes: [],
    ownInterface: undefined,
    virtual: undefined,
    ...change,
  });
const routesOf = (change: Partial<LaptopPlanInput> = {}) => planOf(change).wanted.routes.map(formatCidr);

describe("the laptop's side of a connection", () => {
  it('has the routes of the cluster, without virtual addresses', () => {
    const plan = planOf();
    expect(plan.wanted.routes.map(formatCidr)).toEqual(['10.96.0.0/16', '10.244.0.0/23']);
    expect(plan.virtual).toBeUndefined();
    expect(plan.wanted.dns.rewriteAddress).toBeUndefined();
    expect(conflictCondition(plan.routing)).toBeUndefined();
  });

  it('joins lists of the settings with those of the cluster', () => {
    const change = {
      facts: { ...facts, alsoProxy: cidrs('172.30.0.0/16'), neverProxy: cidrs('10.244.1.0/24') },
      settings: { ...settings, alsoProxy: ['172.29.0.0/16'], neverProxy: ['10.96.128.0/17'] },
    };
    expect(routesOf(change)).toEqual(['10.96.0.0/17', '10.244.0.0/24', '172.29.0.0/16', '172.30.0.0/16']);
  });

  it('never routes the API server', () => {
    const routes = planOf({ serverIps: [ip('10.244.0.5')] }).wanted;
    expect(routes.reserved.map(formatIp)).toEqual(['10.244.0.5']);
    expect(routes.routes.map(formatCidr)).toContain('10.244.0.4/32');
    expect(routes.routes.map(formatCidr)).not.toContain('10.244.0.5/32');
    expect(routes.routes.map(formatCidr)).not.toContain('10.244.0.0/23');
  });

  it.each([
    ['service', ['10.96.0.0/16']],
    ['pods', ['10.244.0.0/23']],
    ['also', ['172.29.0.0/16']],
    ['all', ['10.96.0.0/16', '10.244.0.0/23', '172.29.0.0/16']],
    ['10.96.4.0/24', ['10.96.4.0/24']],
  ])('translates what --vnat %s stands for', (text, translated) => {
    const plan = planOf({ vnat: [text], settings: { ...settings, alsoProxy: ['172.29.0.0/16'] } });
    expect(plan.routing.translated.map(formatCidr)).toEqual(translated);
    expect(plan.wanted.routes.map(formatCidr)).toContain('246.246.0.0/16');
  });

  it('gives names virtual addresses, and finds the real ones again', () => {
    const { wanted } = planOf({ vnat: ['service'] });
    const virtual = wanted.dns.rewriteAddress?.(ip('10.96.0.10'));
    expect(virtual === undefined ? '' : formatIp(virtual)).toBe('246.246.0.1');
    const real = wanted.dns.restoreAddress?.(ip('246.246.0.1'));
    expect(real === undefined ? '' : formatIp(real)).toBe('10.96.0.10');
  });

  it('keeps virtual addresses while the same subnets are translated', () => {
    const before = planOf({ vnat: ['service'] });
    before.virtual?.virtualOf(ip('10.96.0.10'));
    const same = planOf({ vnat: ['service'], virtual: before.virtual, facts: { ...facts, podSubnets: [] } });
    expect(same.virtual).toBe(before.virtual);
    expect(planOf({ vnat: ['all'], virtual: before.virtual }).virtual).not.toBe(before.virtual);
    expect(planOf({ virtual: before.virtual }).virtual).toBeUndefined();
  });

  it('moves a subnet that the laptop needs, and says so', () => {
    const plan = planOf({ hostRoutes: [hostRoute('10.244.0.0/16', 'eth1')] });
    expect(plan.wanted.routes.map(formatCidr)).toEqual(['10.96.0.0/16', '246.246.0.0/16']);
    expect(conflictCondition(plan.routing)).toMatchObject({
      code: 'route.overlap',
      message: expect.stringContaining('10.244.0.0/16 through eth1') as string,
    });
  });

  it('moves nothing for its own routes, nor for what is allowed', () => {
    const hostRoutes = [hostRoute('10.244.0.0/23', 'tel0'), hostRoute('10.96.0.0/16', 'eth1')];
    const change = { hostRoutes, ownInterface: 'tel0', settings: { ...settings, allowConflicting: ['10.96.0.0/12'] } };
    expect(routesOf(change)).toEqual(['10.96.0.0/16', '10.244.0.0/23']);
  });

  it('fails where moving is off, and where a text is no subnet', () => {
    const hostRoutes = [hostRoute('10.96.0.0/24', 'eth1')];
    expect(() => planOf({ hostRoutes, settings: { ...settings, autoResolveConflicts: false } })).toThrow(
      expect.objectContaining({ code: 'route.overlap' }) as Error,
    );
    expect(() => planOf({ vnat: ['services'] })).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
    expect(() => planOf({ settings: { ...settings, alsoProxy: ['10.0.0.0/40'] } })).toThrow(
      expect.objectContaining({ code: 'usage' }) as Error,
    );
    expect(() => planOf({ settings: { ...settings, virtualSubnet: 'x' } })).toThrow(
      expect.objectContaining({ code: 'config.invalid' }) as Error,
    );
  });

  it('leaves a conflicting subnet of IPv6 to the laptop, since virtual addresses are of IPv4', () => {
    const plan = planOf({
      facts: { ...facts, podSubnets: cidrs('fd00:1::/64') },
      hostRoutes: [hostRoute('fd00:1::/48', 'eth1')],
    });
    expect(plan.routing.translated).toEqual([]);
    expect(plan.wanted.routes.map(formatCidr)).toEqual(['10.96.0.0/16']);
  });

  it('sends namespaces, cluster names, suffixes and reverse zones to the connection', () => {
    const { domains, dns } = planOf().wanted;
    expect(domains[0]).toBe('tel2-search');
    expect(domains).toEqual(
      expect.arrayContaining(['~default', '~shop', '~svc', '~cluster.local', '~mine.test', '~pushed.test']),
    );
    expect(domains.some((domain) => domain.endsWith('96.10.in-addr.arpa'))).toBe(true);
    expect(dns.excludeSuffixes).toEqual(['.com']);
  });
});
