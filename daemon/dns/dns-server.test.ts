import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type Answer, decode } from 'dns-packet';
import fc from 'fast-check';
import koffi from 'koffi';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';
import type { DnsServer } from './dns-server.ts';
import { ask, exchangeTcp, exchangeUdp, FakeCluster, queryBytes, startServer } from './dns-test-bed.ts';
import { frameMessage } from './tcp-framing.ts';

const web: Answer = { type: 'A', name: 'web.dev.svc.cluster.local', ttl: 30, data: '10.96.0.7' };
const long: Answer[] = Array.from({ length: 40 }, (_, index) => ({
  type: 'A',
  name: 'many.dev.svc.cluster.local',
  ttl: 30,
  data: `10.244.0.${index}`,
}));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('DnsServer', () => {
  it('answers a short name with the address of the service and the name that was asked', async () => {
    await using server = await startServer({ cluster: new FakeCluster([web]) });
    const response = await ask(server, 'Web', 'A', { id: 99 });
    expect(response).toMatchObject({ id: 99, rcode: 'NOERROR', flag_rd: true, flag_ra: true, questions: [{ name: 'Web' }] });
    expect(response.answers).toMatchObject([{ name: 'Web', type: 'A', ttl: 4, data: '10.96.0.7' }]);
    expect((await ask(server, 'web.tel2-search')).answers).toMatchObject([{ name: 'web.tel2-search', data: '10.96.0.7' }]);
    expect((await ask(server, 'web.dev.svc')).answers).toMatchObject([{ name: 'web.dev.svc', data: '10.96.0.7' }]);
  });

  it('tells an existing name without such records from one that does not exist', async () => {
    await using server = await startServer({ cluster: new FakeCluster([web]) });
    for (const type of ['AAAA', 'TXT', 65] as const) {
      expect(await ask(server, 'web.dev', type), String(type)).toMatchObject({ rcode: 'NOERROR', answers: [] });
      expect(await ask(server, 'none.dev', type), String(type)).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    }
  });

  it('takes the word of a cluster that denies names without IPv6 addresses only after asking for IPv4', async () => {
    const cluster = new FakeCluster([web]);
    const honest = cluster.lookup.bind(cluster);
    cluster.lookup = (name, type, signal) =>
      type === 28 ? Promise.resolve({ rcode: 3, rrs: Buffer.alloc(0) }) : honest(name, type, signal);
    await using server = await startServer({ cluster });
    expect(await ask(server, 'web', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await ask(server, 'none', 'AAAA')).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it('relays record types faithfully', async () => {
    const srv: Answer = {
      type: 'SRV',
      name: '_http._tcp.web.dev.svc.cluster.local',
      ttl: 5,
      data: { priority: 0, weight: 100, port: 80, target: 'web.dev.svc.cluster.local' },
    };
    const txt: Answer = { type: 'TXT', name: 'web.dev.svc.cluster.local', ttl: 3, data: [Buffer.from('a=b')] };
    await using server = await startServer({ cluster: new FakeCluster([web, srv, txt]) });
    expect((await ask(server, '_http._tcp.web.dev', 'SRV')).answers).toMatchObject([
      { ...srv, name: '_http._tcp.web.dev', ttl: 4 },
    ]);
    expect((await ask(server, 'web', 'TXT')).answers).toMatchObject([{ ...txt, name: 'web' }]);
  });

  it('keeps a chain of CNAMEs, and completes it where the cluster left the end open', async () => {
    const cluster = new FakeCluster([
      { type: 'CNAME', name: 'ext.dev.svc.cluster.local', ttl: 5, data: 'api.example.com' },
      { type: 'A', name: 'api.example.com', ttl: 300, data: '203.0.113.9' },
    ]);
    await using server = await startServer({ cluster });
    expect((await ask(server, 'ext')).answers).toMatchObject([
      { name: 'ext', type: 'CNAME', data: 'api.example.com' },
      { name: 'api.example.com', type: 'A', ttl: 4, data: '203.0.113.9' },
    ]);
    expect((await ask(server, 'ext', 'CNAME')).answers).toHaveLength(1);
    expect(cluster.asked).toEqual(['ext.dev.svc.cluster.local. A', 'api.example.com. A', 'ext.dev.svc.cluster.local. CNAME']);
  });

  it('ends circles of mappings', async () => {
    await using server = await startServer({
      mappings: [
        { name: 'a', aliasFor: 'b' },
        { name: 'b', aliasFor: 'a' },
      ],
    });
    expect(await ask(server, 'a')).toMatchObject({ rcode: 'SERVFAIL' });
  });

  it('answers mapped names', async () => {
    await using server = await startServer({
      cluster: new FakeCluster([web]),
      mappings: [
        { name: 'site', aliasFor: 'web.dev' },
        { name: 'fixed', aliasFor: 'fd00::5' },
      ],
    });
    expect((await ask(server, 'site')).answers).toMatchObject([
      { name: 'site', type: 'CNAME', data: 'web.dev' },
      { name: 'web.dev', type: 'A', data: '10.96.0.7' },
    ]);
    expect((await ask(server, 'fixed', 'AAAA')).answers).toMatchObject([{ name: 'fixed', data: 'fd00::5' }]);
    expect(await ask(server, 'fixed', 'A')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });

  it('answers reverse questions from the cluster and about itself', async () => {
    const cluster = new FakeCluster([{ type: 'PTR', name: '7.0.96.10.in-addr.arpa', ttl: 5, data: 'web.dev.svc.cluster.local' }]);
    await using server = await startServer({ cluster, subnets: [parseCidr('10.96.0.0/12') as Cidr] });
    expect((await ask(server, '7.0.96.10.in-addr.arpa', 'PTR')).answers).toMatchObject([{ data: 'web.dev.svc.cluster.local' }]);
    expect((await ask(server, '2.0.246.246.in-addr.arpa', 'PTR')).answers).toMatchObject([{ data: 'cluster.local' }]);
  });

  it('gives out virtual addresses', async () => {
    await using server = await startServer({
      cluster: new FakeCluster([web]),
      rewriteAddress: ({ family, value }) => (family === 4 ? { family, value: value + (236n << 24n) } : undefined),
    });
    expect((await ask(server, 'web')).answers).toMatchObject([{ data: '246.96.0.7' }]);
  });

  it('asks the cluster once for equal questions, at a time and within the life of the answer', async () => {
    const cluster = new FakeCluster([web]);
    const release = Promise.withResolvers<void>();
    cluster.before = () => release.promise;
    await using server = await startServer({ cluster, lookupTimeoutMs: 5_000 });
    const asking = Promise.all([
      ask(server, 'web'),
      ask(server, 'web.dev'),
      ask(server, 'web.dev.svc', 'A', { ednsBytes: 1232 }),
    ]);
    await vi.waitFor(() => expect(server.stats().inFlight).toBe(3));
    release.resolve();
    await asking;
    await ask(server, 'web', 'A', { id: 2 });
    expect(cluster.asked).toEqual(['web.dev.svc.cluster.local. A']);
    server.flush();
    await ask(server, 'web');
    expect(cluster.asked).toHaveLength(2);
  });

  it('forgets answers with their records, and missing names after two seconds', async () => {
    const cluster = new FakeCluster([{ ...web, ttl: 3 }]);
    await using server = await startServer({ cluster });
    let now = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    expect((await ask(server, 'web')).answers).toMatchObject([{ ttl: 3 }]);
    await ask(server, 'none');
    now += 1_400;
    await ask(server, 'web');
    await ask(server, 'none');
    expect(cluster.asked).toHaveLength(2);
    now += 2_000;
    await ask(server, 'web');
    await ask(server, 'none');
    expect(cluster.asked).toHaveLength(4);
  });

  it('refreshes a name in use while it still answers from the cache', async () => {
    const cluster = new FakeCluster([web]);
    await using server = await startServer({ cluster });
    let now = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    await ask(server, 'web');
    cluster.names.set('web.dev.svc.cluster.local.', [{ ...web, data: '10.96.0.8' }]);
    now += 6_000;
    expect((await ask(server, 'web')).answers).toMatchObject([{ data: '10.96.0.7' }]);
    await vi.waitFor(async () => expect((await ask(server, 'web')).answers).toMatchObject([{ data: '10.96.0.8' }]));
  });

  it('answers what is only the cluster’s with SERVFAIL when the cluster is silent or fails, and recovers', async () => {
    const cluster = new FakeCluster([web]);
    cluster.before = () => new Promise(() => undefined);
    await using server = await startServer({ cluster, lookupTimeoutMs: 50 });
    expect(await ask(server, 'web.dev.svc')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(server.stats().lastClusterError).toContain('50 ms');
    cluster.before = async () => {
      throw new Error('the session is lost');
    };
    expect(await ask(server, 'web.dev')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(server.stats().lastClusterError).toBe('the session is lost');
    cluster.before = async () => undefined;
    expect(await ask(server, 'web.dev')).toMatchObject({ rcode: 'NOERROR' });
    expect(server.stats().lastClusterError).toBeUndefined();
  });

  it('truncates over UDP to what the asker takes, and not over TCP', async () => {
    await using server = await startServer({ cluster: new FakeCluster(long) });
    const plain = await ask(server, 'many');
    expect(plain.flag_tc).toBe(true);
    expect(plain.answers?.length).toBe(30);
    expect((await exchangeUdp(server, queryBytes('many'))).length).toBeLessThanOrEqual(512);
    const edns = await ask(server, 'many', 'A', { ednsBytes: 4096 });
    expect(edns).toMatchObject({ flag_tc: false, additionals: [{ type: 'OPT' }] });
    expect(edns.answers).toHaveLength(40);
    const [overTcp] = await exchangeTcp(server, [queryBytes('many')]);
    expect(decode(overTcp as Buffer).answers).toHaveLength(40);
  });

  it('answers many questions of one TCP connection, each when it is ready', async () => {
    const cluster = new FakeCluster([web, ...long]);
    cluster.before = async (name) => {
      if (name.startsWith('slow')) await new Promise(() => undefined);
    };
    await using server = await startServer({ cluster, lookupTimeoutMs: 100 });
    const responses = await exchangeTcp(server, [
      queryBytes('slow.dev.svc', 'A', { id: 1 }),
      queryBytes('web', 'A', { id: 2 }),
      queryBytes('many', 'A', { id: 3 }),
    ]);
    expect(responses.map((response) => decode(response).id)).toEqual([2, 3, 1]);
  });

  it('answers others while one asker does not read', async () => {
    await using server = await startServer({ cluster: new FakeCluster(long) });
    const questions = Array.from({ length: 20_000 }, () => queryBytes('many'));
    const deaf = connect(server.address()?.port ?? 0, '127.0.0.1').pause();
    deaf.on('error', () => undefined);
    const closed = new Promise((resolve) => deaf.on('close', resolve));
    deaf.write(Buffer.concat(questions.map(frameMessage)));
    expect((await ask(server, 'many')).rcode).toBe('NOERROR');
    // The server gives the connection up: reading on finds its end before the last answer.
    await vi.waitFor(() => expect(server.stats().queries).toBeGreaterThan(100));
    deaf.resume();
    await closed;
    expect(server.stats().queries).toBeLessThan(20_000);
  });

  it('uses new settings at once', async () => {
    const cluster = new FakeCluster([web, { ...web, name: 'web.prod.svc.cluster.local', data: '10.96.9.9' }]);
    await using server = await startServer({ cluster });
    await ask(server, 'web');
    server.update({ connectedNamespace: 'prod' });
    expect((await ask(server, 'web')).answers).toMatchObject([{ data: '10.96.9.9' }]);
  });

  it('takes sockets over as descriptors', async () => {
    const { udpFd, tcpFd } = openSockets();
    await using server = await startServer({ cluster: new FakeCluster([web]), listen: undefined as never, udpFd, tcpFd });
    expect((await ask(server, 'web')).answers).toMatchObject([{ data: '10.96.0.7' }]);
  });

  it('answers what it cannot read with an error or not at all, and lives on', async () => {
    await using server = await startServer({ cluster: new FakeCluster([web]) });
    const query = queryBytes('web');
    const mutated = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.from(query);
      change(bytes);
      return bytes;
    };
    const rcodeOf = async (bytes: Buffer) => ((await exchangeUdp(server, bytes))[3] ?? 0) & 15;
    expect(await rcodeOf(query.subarray(0, 14))).toBe(1);
    expect(await rcodeOf(mutated((bytes) => bytes.writeUInt16BE(2, 4)))).toBe(1);
    expect(await rcodeOf(mutated((bytes) => (bytes[2] = 0x28)))).toBe(4);
    expect(await rcodeOf(mutated((bytes) => bytes.writeUInt16BE(3, bytes.length - 2)))).toBe(4);
    expect(await rcodeOf(mutated((bytes) => bytes.writeUInt16BE(7, 10)))).toBe(1);
    expect((await ask(server, 'web')).rcode).toBe('NOERROR');
  });

  it('survives any bytes', async () => {
    await using server = await startServer({ cluster: new FakeCluster([web]), lookupTimeoutMs: 50 });
    const base = queryBytes('web', 'A', { ednsBytes: 1232 });
    const damaged = fc
      .array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => changes.reduce((bytes, [at, value]) => (bytes.writeUInt8(value, at), bytes), Buffer.from(base)));
    const samples = fc.sample(
      fc.oneof(
        damaged,
        fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      ),
      400,
    );
    await sendAll(server, samples);
    expect((await ask(server, 'web')).rcode).toBe('NOERROR');
  });
});

/** In batches that the socket's buffer holds. */
async function sendAll(server: DnsServer, messages: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4');
  for (let sent = 0; sent < messages.length; sent += 50) {
    const batch = messages.slice(sent, sent + 50);
    const expected = server.stats().queries + batch.length;
    for (const message of batch) socket.send(message, server.address()?.port ?? 0, '127.0.0.1');
    await vi.waitFor(() => expect(server.stats().queries).toBe(expected), { interval: 5 });
  }
  socket.close();
}

/** As the privileged helper makes them: bound, the TCP one listening. Both get the kernel's choice of port. */
function openSockets(): { udpFd: number; tcpFd: number } {
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, const uint8_t *, int)');
  const listen = libc.func('int listen(int, int)');
  const loopback = Buffer.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const [udpFd, tcpFd] = [socket(2, 2, 0) as number, socket(2, 1, 0) as number];
  expect(bind(udpFd, loopback, 16)).toBe(0);
  expect(bind(tcpFd, loopback, 16)).toBe(0);
  expect(listen(tcpFd, 16)).toBe(0);
  return { udpFd, tcpFd };
}
