import { describe, expect, it } from 'vitest';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';
import { dnsType } from '#net/dns/constants.ts';
import { type DnsPolicy, preparePolicy, type Route, route } from './route.ts';

const policy: DnsPolicy = {
  clusterDomain: 'k8s.example.com.',
  connectedNamespace: 'dev',
  namespaces: () => new Set(['dev', 'other', 'io']),
  includeSuffixes: ['.corp.internal', '.private.net'],
  excludeSuffixes: ['.com', '.io', '.net', '.org', '.ru', '.internal'],
  excludes: ['hidden', 'gone.other.svc.k8s.example.com'],
  mappings: [
    { name: 'database', aliasFor: 'postgres.other.' },
    { name: 'Fixed.Address', aliasFor: '10.1.2.3' },
  ],
  serverAddress: '246.246.0.2',
  search: ['office.lan', 'tel2-search'],
  subnets: [parseCidr('10.96.0.0/12') as Cidr, parseCidr('fd00:10::/64') as Cidr],
};
const prepared = preparePolicy(policy);
const ask = (name: string, type: number = dnsType.a): Route => route({ name, type }, prepared);
const cluster = (otherwise: 'former' | 'nxdomain', ...names: string[]): Route => ({ kind: 'cluster', names, otherwise });
const former: Route = { kind: 'former' };
const nxdomain: Route = { kind: 'nxdomain' };

describe('route', () => {
  it.each<[string, Route, string]>([
    ['web', cluster('former', 'web.dev.svc.k8s.example.com'), 'one label: the connected namespace, else the laptop’s network'],
    ['io', cluster('former', 'io.dev.svc.k8s.example.com'), 'a service named like an excluded suffix'],
    ['web.other', cluster('former', 'web.other.svc.k8s.example.com'), 'name.namespace'],
    ['pod-0.headless.other', cluster('former', 'pod-0.headless.other.svc.k8s.example.com'), 'a pod of a headless service'],
    ['_http._tcp.web.dev', cluster('former', '_http._tcp.web.dev.svc.k8s.example.com'), 'a named port'],
    ['web.unknown', former, 'the last label is no namespace'],
    ['web.other.svc', cluster('nxdomain', 'web.other.svc.k8s.example.com'), '*.svc'],
    ['web.unknown.svc', cluster('nxdomain', 'web.unknown.svc.k8s.example.com'), '*.svc, also of a namespace that is not known'],
    ['web.other.svc.k8s.example.com', cluster('nxdomain', 'web.other.svc.k8s.example.com'), 'in full'],
    ['10-244-0-3.dev.pod.k8s.example.com', cluster('nxdomain', '10-244-0-3.dev.pod.k8s.example.com'), 'pods by address'],
    ['k8s.example.com', cluster('nxdomain', 'k8s.example.com'), 'the cluster domain, although .com is excluded'],
    ['www.example.com', former, 'excluded suffix'],
    ['web.io', former, 'excluded suffix, although a namespace has that name'],
    ['db.corp.internal', cluster('nxdomain', 'db.corp.internal'), 'a longer include suffix wins'],
    ['db.other.internal', former, 'excluded suffix beside an included one'],
    ['xprivate.net', former, 'an include suffix counts from a dot on'],
    ['hidden', former, 'excluded name'],
    ['gone.other', former, 'excluded by its full name'],
    ['wpad', nxdomain, 'proxy discovery'],
    ['wpad.office.lan', nxdomain, 'proxy discovery below a search domain'],
    ['lb._dns-sd._udp.dev', former, 'service browsing is not for the cluster'],
    ['', former, 'the root'],
    ['foo.localhost', { kind: 'addresses', addresses: [parseIp('127.0.0.1'), parseIp('::1')] as never }, 'localhost'],
    ['database', { kind: 'alias', target: 'postgres.other' }, 'mapped to a name'],
    ['fixed.address', { kind: 'addresses', addresses: [parseIp('10.1.2.3')] as never }, 'mapped to an address'],
  ])('%s → %o (%s)', (name, expected) => {
    expect(ask(name)).toEqual(expected);
  });

  it.each<[string, Route]>([
    ['web.tel2-search', cluster('nxdomain', 'web.dev.svc.k8s.example.com')],
    ['_http._tcp.web.tel2-search', cluster('nxdomain', '_http._tcp.web.dev.svc.k8s.example.com')],
    ['pod-0.headless.tel2-search', cluster('nxdomain', 'pod-0.headless.dev.svc.k8s.example.com')],
    ['web.other.tel2-search', cluster('nxdomain', 'web.other.svc.k8s.example.com', 'web.other.dev.svc.k8s.example.com')],
    ['web.other.svc.tel2-search', cluster('nxdomain', 'web.other.svc.k8s.example.com')],
    ['www.example.com.tel2-search', nxdomain],
    ['hidden.tel2-search', nxdomain],
    ['database.tel2-search', { kind: 'alias', target: 'postgres.other' }],
    ['tel2-search', nxdomain],
    ['b._dns-sd._udp.tel2-search', nxdomain],
  ])('looks up %s in the connected namespace and never outside', (name, expected) => {
    expect(ask(name)).toEqual(expected);
  });

  it.each<[string, Route]>([
    ['web.office.lan', cluster('former', 'web.dev.svc.k8s.example.com')],
    ['web.other.office.lan', cluster('former', 'web.other.svc.k8s.example.com')],
    ['git.build.office.lan', former],
    ['office.lan', former],
  ])('treats %s as what the laptop’s search path made of it', (name, expected) => {
    expect(ask(name)).toEqual(expected);
  });

  it('sends reverse look-ups of routed addresses to the cluster and answers for itself', () => {
    expect(ask('7.0.96.10.in-addr.arpa', dnsType.ptr)).toEqual(cluster('nxdomain', '7.0.96.10.in-addr.arpa'));
    expect(ask('2.0.246.246.in-addr.arpa', dnsType.ptr)).toEqual({ kind: 'pointer', target: 'k8s.example.com' });
    expect(ask('1.1.168.192.in-addr.arpa', dnsType.ptr)).toEqual(former);
    expect(ask('96.10.in-addr.arpa', dnsType.ptr)).toEqual(former);
  });

  it('looks virtual addresses up under the real ones', () => {
    const virtual = preparePolicy({
      ...policy,
      restoreAddress: (ip) => ({ family: ip.family, value: ip.value - (246n << 24n) + (10n << 24n) }),
    });
    expect(route({ name: '7.0.96.246.in-addr.arpa', type: dnsType.ptr }, virtual)).toEqual(
      cluster('nxdomain', '7.0.96.10.in-addr.arpa'),
    );
  });

  it('knows a namespace as soon as it exists', () => {
    const known = new Set<string>();
    const changing = preparePolicy({ ...policy, namespaces: () => known });
    expect(route({ name: 'web.new', type: 1 }, changing)).toEqual(former);
    known.add('new');
    expect(route({ name: 'web.new', type: 1 }, changing).kind).toBe('cluster');
  });
});
