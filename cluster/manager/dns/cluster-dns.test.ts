import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { dnsRcode, dnsType } from '#net/dns/constants.ts';
import { unpackAnswers } from '#net/dns/packed-records.ts';
import { ClusterDns, candidateNames } from './cluster-dns.ts';
import { DnsExchange } from './dns-exchange.ts';
import { clusterDomainOf, parseResolvConf } from './resolv-conf.ts';
import { type TestAnswer, TestDnsServer } from './test-dns-server.ts';

const web = 'web.shop.svc.cluster.local';
const address = (name: string, data = '10.96.0.7'): TestAnswer => ({
  kind: 'answer',
  answers: [{ type: 'A', name, ttl: 5, data }],
});
const missing: TestAnswer = { kind: 'answer', rcode: dnsRcode.nameError };

describe('cluster DNS', () => {
  const cleanups: (() => unknown)[] = [];

  async function dnsOf(answer: (name: string, type: string, nth: number) => TestAnswer) {
    const server = new TestDnsServer(answer);
    const exchange = new DnsExchange([await server.start()], [100, 500, 3_000]);
    cleanups.push(
      () => exchange.close(),
      () => server.stop(),
    );
    return { server, dns: new ClusterDns(exchange, 'cluster.local', silentLogger) };
  }

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('asks one question for a name that is whole, and hands the answer on as it is', async () => {
    const { server, dns } = await dnsOf(() => address(web));
    const { rcode, rrs } = await dns.lookup(`${web}.`, dnsType.a, 'default');
    expect(rcode).toBe(dnsRcode.noError);
    expect(unpackAnswers(rrs)).toMatchObject([{ type: 'A', name: web, ttl: 5, data: '10.96.0.7' }]);
    expect(server.questions).toEqual([{ name: web, type: 'A', over: 'udp' }]);
  });

  it('keeps "no such name", "no such record" and other codes apart', async () => {
    const codes: Readonly<Record<string, number>> = {
      'a.svc.cluster.local': 3,
      'b.svc.cluster.local': 0,
      'c.svc.cluster.local': 5,
    };
    const { dns } = await dnsOf((name) => ({ kind: 'answer', rcode: codes[name] ?? 2 }));
    for (const [name, rcode] of Object.entries(codes)) {
      expect(await dns.lookup(`${name}.`, dnsType.aaaa, '')).toEqual({ rcode, rrs: Buffer.alloc(0) });
    }
  });

  it('keeps CNAMEs, and records of any type', async () => {
    const { dns } = await dnsOf((name) => ({
      kind: 'answer',
      answers: [
        { type: 'CNAME', name, ttl: 30, data: 'db.example.org' },
        {
          type: 'SRV',
          name: 'db.example.org',
          ttl: 30,
          data: { priority: 1, weight: 2, port: 5432, target: 'node.example.org' },
        },
        { type: 'TXT', name: 'db.example.org', ttl: 30, data: ['one', 'two'] },
      ],
    }));
    const { rrs } = await dns.lookup('db.shop.svc.cluster.local.', dnsType.srv, '');
    expect(unpackAnswers(rrs)).toMatchObject([
      { type: 'CNAME', data: 'db.example.org' },
      { type: 'SRV', data: { port: 5432, target: 'node.example.org' } },
      { type: 'TXT' },
    ]);
  });

  it('finds a short name in the cluster and answers under the name that was asked', async () => {
    const { dns } = await dnsOf((name) => (name === web ? address(web) : missing));
    for (const name of ['web.shop.', 'web.shop.svc.', 'WEB.']) {
      const { rcode, rrs } = await dns.lookup(name, dnsType.a, 'shop');
      expect(rcode).toBe(dnsRcode.noError);
      expect(unpackAnswers(rrs)).toMatchObject([{ name: name.toLowerCase().slice(0, -1), data: '10.96.0.7' }]);
    }
  });

  it('takes a short name as it stands where the cluster has none', async () => {
    const { dns } = await dnsOf((name) => (name === 'example.org' ? address(name, '192.0.2.9') : missing));
    expect(unpackAnswers((await dns.lookup('example.org.', dnsType.a, 'shop')).rrs)).toMatchObject([{ data: '192.0.2.9' }]);
    expect((await dns.lookup('nowhere.org.', dnsType.a, 'shop')).rcode).toBe(dnsRcode.nameError);
  });

  it('asks again over TCP for an answer that was cut off', async () => {
    const answers = Array.from(
      { length: 200 },
      (_, index) => ({ type: 'A', name: web, ttl: 5, data: `10.244.0.${index}` }) as const,
    );
    const { server, dns } = await dnsOf(() => ({ kind: 'answer', answers, truncateUdp: true }));
    expect(unpackAnswers((await dns.lookup(`${web}.`, dnsType.a, '')).rrs)).toHaveLength(200);
    expect(server.questions.map(({ over }) => over)).toEqual(['udp', 'tcp']);
  });

  it('asks again when a datagram is lost', async () => {
    const { server, dns } = await dnsOf((_name, _type, nth) => (nth === 1 ? { kind: 'silent' } : address(web)));
    expect((await dns.lookup(`${web}.`, dnsType.a, '')).rcode).toBe(dnsRcode.noError);
    expect(server.questions).toHaveLength(2);
  });

  it('answers SERVFAIL when nobody answers', async () => {
    const exchange = new DnsExchange([{ address: '127.0.0.1', port: 9 }], [50]);
    cleanups.push(() => exchange.close());
    const dns = new ClusterDns(exchange, 'cluster.local', silentLogger);
    expect((await dns.lookup(`${web}.`, dnsType.a, '')).rcode).toBe(dnsRcode.serverFailure);
  });

  it('keeps a hundred questions at once apart', async () => {
    const { dns } = await dnsOf((name) =>
      address(name, `10.0.${Number(name.slice(1, 5)) >> 8}.${Number(name.slice(1, 5)) & 255}`),
    );
    const lookups = Array.from({ length: 100 }, async (_, index) => {
      const { rrs } = await dns.lookup(`n${String(index).padStart(4, '0')}.shop.svc.cluster.local.`, dnsType.a, '');
      return unpackAnswers(rrs);
    });
    for (const [index, answers] of (await Promise.all(lookups)).entries()) {
      expect(answers).toMatchObject([{ data: `10.0.${index >> 8}.${index & 255}` }]);
    }
  });
});

describe('candidate names', () => {
  it.each([
    ['web.shop.svc.cluster.local', 'ns', ['web.shop.svc.cluster.local']],
    ['cluster.local', 'ns', ['cluster.local']],
    ['web', 'ns', ['web.ns.svc.cluster.local', 'web']],
    ['web', '', ['web']],
    ['web.shop', 'ns', ['web.shop.svc.cluster.local', 'web.shop']],
    ['web.shop.svc', 'ns', ['web.shop.svc.cluster.local']],
    ['pod-0.web.shop', 'ns', ['pod-0.web.shop.svc.cluster.local', 'pod-0.web.shop']],
    ['_http._tcp.web.shop', 'ns', ['_http._tcp.web.shop.svc.cluster.local', '_http._tcp.web.shop']],
    ['one.two.three.four', 'ns', ['one.two.three.four']],
    ['1.0.96.10.in-addr.arpa', 'ns', ['1.0.96.10.in-addr.arpa']],
    ['', 'ns', ['']],
  ])('of %j in %j are %j', (name, namespace, names) => {
    expect(candidateNames(name, 'cluster.local', namespace)).toEqual(names);
  });
});

describe('resolv.conf', () => {
  it('says where to ask and what the cluster is called', () => {
    const conf = parseResolvConf(
      '# made by the kubelet\nnameserver 10.96.0.10\nnameserver fd00::10\nsearch a.svc.corp.test. svc.corp.test corp.test\n',
    );
    expect(conf.nameservers).toEqual(['10.96.0.10', 'fd00::10']);
    expect(clusterDomainOf(conf)).toBe('corp.test');
    expect(clusterDomainOf(parseResolvConf(''))).toBe('cluster.local');
  });
});
