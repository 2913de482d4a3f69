import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { ask, exchangeTcp, exchangeUdp, FakeCluster, FakeFormer, queryBytes, startServer, testPorts } from './dns-test-bed.ts';
import { parseFormerServer } from './former-server.ts';

const site: Answer = { type: 'A', name: 'www.example.com', ttl: 777, data: '203.0.113.1' };
const isExempt = (port: number) => port >= testPorts.first && port <= testPorts.last;

describe('questions that are not the cluster’s', () => {
  it('go to the former resolver unchanged, from an exempt port, and the answer comes back unchanged', async () => {
    await using former = await new FakeFormer().start();
    former.reply = () => ({ answers: [site] });
    const cluster = new FakeCluster([]);
    await using server = await startServer({ cluster, formerServers: [former.endpoint] });
    const query = queryBytes('www.example.com', 'A', { id: 17, ednsBytes: 1400 });
    const response = decode(await exchangeUdp(server, query));
    expect(response).toMatchObject({ id: 17, answers: [{ ttl: 777, data: '203.0.113.1' }] });
    expect(former.asked[0]?.bytes.subarray(2)).toEqual(query.subarray(2));
    expect(isExempt(former.asked[0]?.sourcePort ?? 0)).toBe(true);
    expect(cluster.asked).toEqual([]);
  });

  it('go over TCP when they came that way', async () => {
    await using former = await new FakeFormer().start();
    former.reply = (_, transport) => (transport === 'udp' ? { flags: 0x200 } : { answers: [site] });
    await using server = await startServer({ formerServers: [former.endpoint] });
    expect((await ask(server, 'www.example.com')).flag_tc).toBe(true);
    const responses = await exchangeTcp(server, [
      queryBytes('www.example.com', 'A', { id: 5 }),
      queryBytes('www.example.com', 'A', { id: 6 }),
    ]);
    expect(responses.map((bytes) => decode(bytes))).toMatchObject([
      { id: 5, answers: [site] },
      { id: 6, answers: [site] },
    ]);
    expect(former.asked.filter(({ transport }) => transport === 'tcp').every(({ sourcePort }) => isExempt(sourcePort))).toBe(
      true,
    );
  });

  it('find another source port for TCP while the last is still in TIME_WAIT', async () => {
    await using former = await new FakeFormer().start();
    former.reply = () => ({ answers: [site] });
    await using server = await startServer({ formerServers: [former.endpoint], exemptPorts: { first: 21_380, last: 21_389 } });
    for (let id = 1; id <= 5; id += 1) {
      const [response] = await exchangeTcp(server, [queryBytes('www.example.com', 'A', { id })]);
      expect(decode(response as Buffer).answers).toHaveLength(1);
    }
  });

  it('go to the next server when the first refuses or is silent, and then there first', async () => {
    await using first = await new FakeFormer().start();
    await using second = await new FakeFormer().start();
    second.reply = () => ({ answers: [site] });
    await using server = await startServer({ formerServers: [first.endpoint, second.endpoint] });
    first.reply = () => ({ flags: 5 });
    expect((await ask(server, 'www.example.com')).answers).toHaveLength(1);
    expect((await ask(server, 'other.example.com')).answers).toHaveLength(1);
    expect(first.asked).toHaveLength(1);
    first.reply = () => 'silent';
    server.update({ formerServers: [first.endpoint, second.endpoint] });
    expect((await ask(server, 'third.example.com')).answers).toHaveLength(1);
    expect(first.asked).toHaveLength(2);
  });

  it('are answered with SERVFAIL when there is no server, none answers, or the only one is ourselves', async () => {
    await using server = await startServer({ formerServers: ['246.246.0.2', 'not an address'] });
    expect(await ask(server, 'www.example.com')).toMatchObject({ rcode: 'SERVFAIL' });
    await using former = await new FakeFormer().start();
    former.reply = () => 'silent';
    server.update({ formerServers: [former.endpoint] });
    expect(await ask(server, 'www.example.com')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(server.stats()).toMatchObject({ formerFailures: 1 });
  });

  it('work when ports of the range are taken', async () => {
    const range = { first: 21_370, last: 21_371 };
    const taken = createSocket('udp4').bind(range.first);
    await once(taken, 'listening');
    await using former = await new FakeFormer().start();
    former.reply = () => ({ answers: [site] });
    await using server = await startServer({ formerServers: [former.endpoint], exemptPorts: range });
    expect((await ask(server, 'www.example.com')).answers).toHaveLength(1);
    expect(former.asked[0]?.sourcePort).toBe(range.last);
    taken.close();
  });
});

describe('names that may be the cluster’s or not', () => {
  it('go on to the former resolver when the cluster does not have them', async () => {
    await using former = await new FakeFormer().start();
    former.reply = (question) =>
      question.name === 'nas' ? { answers: [{ type: 'A', name: 'nas', ttl: 9, data: '192.168.1.4' }] } : { flags: 3 };
    await using server = await startServer({ formerServers: [former.endpoint], search: ['office.lan'] });
    expect((await ask(server, 'nas')).answers).toMatchObject([{ ttl: 9, data: '192.168.1.4' }]);
    expect(await ask(server, 'nas.dev')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(await ask(server, 'git.office.lan')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(former.asked.map(({ question }) => question.name)).toEqual(['nas', 'nas.dev', 'git.office.lan']);
    expect(await ask(server, 'nas.tel2-search')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(await ask(server, 'nas.dev.svc')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(former.asked).toHaveLength(3);
  });

  it('do not wait for a cluster that was silent a moment ago, and are not denied on its behalf', async () => {
    const cluster = new FakeCluster([]);
    cluster.before = () => new Promise(() => undefined);
    await using former = await new FakeFormer().start();
    former.reply = (question) =>
      question.name === 'nas' ? { answers: [{ type: 'A', name: 'nas', ttl: 9, data: '192.168.1.4' }] } : { flags: 3 };
    await using server = await startServer({ cluster, formerServers: [former.endpoint], lookupTimeoutMs: 50 });
    expect((await ask(server, 'nas')).answers).toHaveLength(1);
    expect((await ask(server, 'nas')).answers).toHaveLength(1);
    expect(await ask(server, 'web')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(cluster.asked).toHaveLength(1);
  });
});

describe('targets outside of the cluster', () => {
  it('are asked of the former resolver when the cluster does not know them', async () => {
    await using former = await new FakeFormer().start();
    former.reply = (_, transport) =>
      transport === 'udp'
        ? { flags: 0x200 }
        : {
            answers: [
              { type: 'CNAME', name: 'api.example.com', ttl: 60, data: 'x.example.com' },
              { type: 'A', name: 'x.example.com', ttl: 60, data: '203.0.113.9' },
            ],
          };
    const cluster = new FakeCluster([{ type: 'CNAME', name: 'ext.dev.svc.cluster.local', ttl: 5, data: 'api.example.com' }]);
    await using server = await startServer({ cluster, formerServers: [former.endpoint] });
    expect((await ask(server, 'ext')).answers).toMatchObject([
      { name: 'ext', data: 'api.example.com' },
      { name: 'api.example.com', data: 'x.example.com', ttl: 4 },
      { name: 'x.example.com', data: '203.0.113.9' },
    ]);
  });
});

describe('parseFormerServer', () => {
  it.each([
    ['1.1.1.1', { host: '1.1.1.1', port: 53, family: 4 }],
    ['1.1.1.1:5353', { host: '1.1.1.1', port: 5353, family: 4 }],
    ['9.9.9.9#dns.quad9.net', { host: '9.9.9.9', port: 53, family: 4 }],
    ['fe80::1%eth0', { host: 'fe80::1%eth0', port: 53, family: 6 }],
    ['[::1]:54', { host: '::1', port: 54, family: 6 }],
    ['localhost', undefined],
    ['', undefined],
  ])('%s', (text, expected) => {
    expect(parseFormerServer(text)).toEqual(expected);
  });
});
