import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { freePort } from '#net/testing/free-port.ts';
import { DialRejectedError, type TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { InterceptDispositionType } from '#protocol/cluster/generated/manager_pb.js';
import type { Engagement, HealthCondition, InterceptRequest } from '#protocol/local-api/model.ts';
import { HealthConditions } from '../connection/health-conditions.ts';
import { handlerFiles } from '../handlers/handler-log.ts';
import type { ClusterSession } from '../link/cluster-session.ts';
import { FakeCluster } from '../link/testing/fake-cluster.ts';
import { FakeManager } from '../link/testing/fake-manager.ts';
import { laptopSession } from '../link/testing/laptop-session.ts';
import { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { formerSession } from './desired-engagements.ts';
import { Engagements } from './engagements.ts';
import { FakeIntercepts } from './testing/fake-intercepts.ts';

const soon = { timeout: 5_000, interval: 10 };

describe('engagements', () => {
  let directory: string;
  let cluster: FakeCluster;
  let manager: FakeManager;
  let fake: FakeIntercepts;
  let session: ClusterSession;
  let engagements: Engagements;
  let shown: Map<string, Engagement>;
  let health: readonly HealthCondition[];
  let handler: Server;
  let port: number;
  let activeTimeoutMs: number;
  const closers: (() => unknown)[] = [];
  const never = new AbortController().signal;
  const file = () => join(directory, 'engagements.json');

  const makeManager = async () => {
    manager = new FakeManager({ service: fake.service });
    manager.onTunnel = (tunnel, info) => {
      if (fake.join(tunnel, info)) return;
      tunnel.dialOk();
      tunnel.pipe(tunnel);
    };
    cluster.port = await manager.start();
  };

  /** A daemon's half: session and engagements. */
  const makeDaemon = async () => {
    const former = formerSession(file(), silentLogger);
    session = laptopSession(cluster, former === undefined ? {} : { formerSession: former });
    engagements = new Engagements({
      traffic: new TrafficRecorder(),
      connection: 'one',
      namespace: 'default',
      owner: 'dev@laptop',
      session,
      dialer: session,
      file: file(),
      activeTimeoutMs: () => activeTimeoutMs,
      handlerFiles: (name) => handlerFiles({ log: directory, runtime: directory }, 'one', name),
      logger: silentLogger,
      health: new HealthConditions('one', (conditions) => (health = conditions)),
      onChanged: (name, engagement) => (engagement === undefined ? shown.delete(name) : shown.set(name, engagement)),
    });
    await session.start(AbortSignal.timeout(10_000), () => undefined);
    engagements.start();
  };

  const listen = async (serve: (socket: Socket) => void, at = 0) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
    closers.push(() => server.close());
    return server;
  };
  const portOf = (server: Server) => (server.address() as AddressInfo).port;

  const request = (change: Partial<InterceptRequest> = {}): InterceptRequest => ({
    name: 'shop',
    ports: [{ laptopPort: port }],
    toPod: [],
    ...change,
  });
  const stages: string[] = [];
  const intercept = async (change: Partial<InterceptRequest> = {}, signal = never) =>
    await engagements.intercept(request(change), (stage) => stages.push(stage), signal);
  /** A request made in the cluster, and what it was answered. */
  const ask = async (tunnel: TunnelDuplex, question: string) => {
    await tunnel.dialled;
    tunnel.end(question);
    return await text(tunnel);
  };
  const askShop = async (question: string) => await ask(await fake.call({ port }), question);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'engagements-'));
    stages.length = 0;
    shown = new Map();
    health = [];
    activeTimeoutMs = 5_000;
    fake = new FakeIntercepts();
    cluster = new FakeCluster();
    await cluster.start();
    await makeManager();
    handler = await listen((socket) => {
      // Answers only once the caller has said all.
      text(socket).then(
        (question) => socket.end(`you said ${question}`),
        () => undefined,
      );
    });
    port = portOf(handler);
    await makeDaemon();
  });

  afterEach(async () => {
    await engagements.stop();
    await session.stop();
    await manager.stop();
    await cluster.stop();
    for (const close of closers.splice(0)) close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('bring a request made in the cluster to the handler, and its answer back after a half close', async () => {
    const { engagement, environment, warnings } = await intercept();
    expect(engagement).toMatchObject({
      name: 'shop',
      workload: 'shop',
      workloadKind: 'Deployment',
      container: 'app',
      id: 'session-1:shop',
      podIp: '10.244.0.7',
      laptopAddress: '127.0.0.1',
      ports: [
        { laptopPort: port, containerPort: 8080, protocol: 'TCP', identifier: 'http', service: { name: 'shop', port: 80 } },
      ],
      state: { kind: 'active' },
      handler: 'listening',
    });
    expect(environment).toEqual({
      COLOUR: 'green',
      TELEPRESENCE_CONTAINER: 'app',
      TELEPRESENCE_INTERCEPT_ID: 'session-1:shop',
      TELEPRESENCE_ROOT: '',
    });
    expect(warnings).toEqual([]);
    expect(stages).toEqual([
      'Making sure that shop has a traffic-agent',
      'Creating the intercept',
      'Waiting for the traffic-agent',
    ]);
    expect(await askShop('hello')).toBe('you said hello');
    await vi.waitFor(
      () => expect(shown.get('shop')?.traffic).toEqual({ connections: 1, open: 0, rejected: 0, inBytes: 5, outBytes: 14 }),
      soon,
    );
  });

  it('pass a reset on, both ways', async () => {
    await intercept();
    const sockets: Socket[] = [];
    handler.on('connection', (socket: Socket) => sockets.push(socket));
    const first = await fake.call({ port });
    await first.dialled;
    await vi.waitFor(() => expect(sockets).toHaveLength(1), soon);
    const reset = once(first, 'error');
    sockets[0]?.resetAndDestroy();
    expect(await reset).toMatchObject([{ code: 'ECONNRESET' }]);
    const second = await fake.call({ port });
    await second.dialled;
    await vi.waitFor(() => expect(sockets).toHaveLength(2), soon);
    const closed = new Promise((resolve) => sockets[1]?.once('close', resolve));
    second.destroy();
    await closed;
  });

  it('carry megabytes both ways at once', async () => {
    const echo = await listen((socket) => void socket.pipe(socket));
    await intercept({ ports: [{ laptopPort: portOf(echo) }] });
    const tunnel = await fake.call({ port: portOf(echo) });
    await tunnel.dialled;
    const block = Buffer.alloc(64 * 1024, 'abcdefg');
    const blocks = Array.from({ length: 128 }, () => block);
    Readable.from(blocks).pipe(tunnel);
    const chunks: Buffer[] = [];
    for await (const chunk of tunnel) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(Buffer.concat(blocks))).toBe(true);
  });

  it('carry datagrams', async () => {
    const socket = createSocket('udp4', (message, from) =>
      socket.send(`you said ${message.toString()}`, from.port, from.address),
    );
    closers.push(() => socket.close());
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port: udpPort } = socket.address();
    const { engagement } = await intercept({ ports: [{ laptopPort: udpPort, identifier: '53/UDP' }] });
    expect(engagement).toMatchObject({ ports: [{ protocol: 'UDP', identifier: '53/UDP' }], handler: 'unknown' });
    const tunnel = await fake.call({ port: udpPort, protocol: 'udp' });
    await tunnel.dialled;
    tunnel.write(Buffer.from('hello'));
    const [answer] = (await once(tunnel, 'data')) as [Buffer];
    expect(answer.toString()).toBe('you said hello');
    tunnel.destroy();
  });

  it('have an intercept of its own for each port', async () => {
    const other = await listen((socket) => socket.end('other'));
    await intercept({
      ports: [
        { laptopPort: port, identifier: 'http' },
        { laptopPort: portOf(other), identifier: 'admin' },
      ],
    });
    expect([...fake.intercepts.keys()]).toEqual(['shop', 'shop-admin']);
    expect(await ask(await fake.call({ port: portOf(other) }), '')).toBe('other');
    expect(await askShop('x')).toBe('you said x');
    await engagements.leave('shop');
    expect(fake.intercepts.size).toBe(0);
  });

  it('take the number of the container port where none was asked for', async () => {
    const { engagement } = await intercept({ ports: [] });
    expect(engagement.ports).toMatchObject([{ laptopPort: 8080, containerPort: 8080 }]);
  });

  it('reject a connection and say so, until something listens', async () => {
    const free = await freePort();
    expect((await intercept({ ports: [{ laptopPort: free }] })).engagement.handler).toBe('not-listening');
    const tunnel = await fake.call({ port: free });
    await expect(tunnel.dialled).rejects.toThrow(DialRejectedError);
    expect(shown.get('shop')).toMatchObject({ handler: 'not-listening', state: { kind: 'active' } });
    expect(health).toMatchObject([{ code: 'engagement.handler-not-listening', severity: 'warning' }]);
    await listen((socket) => socket.end('at last'), free);
    await vi.waitFor(() => expect(health).toEqual([]), soon);
    expect(shown.get('shop')).toMatchObject({ handler: 'listening' });
    expect(await ask(await fake.call({ port: free }), '')).toBe('at last');
  });

  it('notice a handler that went away, with the first connection that it does not take', async () => {
    await intercept();
    await new Promise((resolve) => handler.close(resolve));
    const tunnel = await fake.call({ port });
    await expect(tunnel.dialled).rejects.toThrow(DialRejectedError);
    expect(health).toMatchObject([{ code: 'engagement.handler-not-listening' }]);
  });

  it('reject a connection that nobody asked for', async () => {
    await intercept();
    const tunnel = await fake.call({ ip: '192.168.1.1', port: 22 });
    await expect(tunnel.dialled).rejects.toThrow(DialRejectedError);
  });

  it('leave: connections end, the cluster and the files are as before', async () => {
    const envFile = join(directory, 'shop.env');
    await intercept({ envFile: { path: envFile, syntax: 'docker' }, envJson: join(directory, 'shop.json') });
    expect(statSync(envFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(envFile, 'utf8')).toContain('COLOUR=green\n');
    expect(JSON.parse(readFileSync(join(directory, 'shop.json'), 'utf8'))).toMatchObject({ COLOUR: 'green' });
    const tunnel = await fake.call({ port });
    await tunnel.dialled;
    const ended = once(tunnel, 'error');
    expect(await engagements.leave('shop')).toMatchObject({ name: 'shop' });
    await ended;
    expect(fake.intercepts.size).toBe(0);
    expect(shown.size).toBe(0);
    expect(existsSync(envFile)).toBe(false);
    expect(existsSync(join(directory, 'shop.json'))).toBe(false);
    await expect(engagements.leave('shop')).rejects.toMatchObject({ code: 'engagement.not-found' });
  });

  it('leave nothing behind where a value has several lines that the syntax cannot express', async () => {
    fake.environment['LINES'] = 'one\ntwo';
    const path = join(directory, 'shop.env');
    await expect(intercept({ envFile: { path, syntax: 'docker' } })).rejects.toMatchObject({
      code: 'engagement.environment',
      context: { variable: 'LINES' },
    });
    expect(fake.intercepts.size).toBe(0);
    expect(shown.size).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('are refused where name or place on the laptop is taken', async () => {
    await intercept();
    await expect(intercept()).rejects.toMatchObject({ code: 'engagement.exists' });
    await expect(intercept({ name: 'other' })).rejects.toMatchObject({
      code: 'engagement.laptop-port-in-use',
      message: expect.stringContaining('"shop"') as string,
    });
    expect([...shown.keys()]).toEqual(['shop']);
    expect(fake.countOf('prepare')).toBe(1);
  });

  it.each([
    [
      'prepare',
      new ConnectError('there is no workload "shop" in namespace "default"\nthere is ship', Code.NotFound),
      'engagement.refused',
    ],
    ['create', new ConnectError('ann@desk has it since 9:00', Code.AlreadyExists), 'engagement.conflict'],
    ['prepare', new ConnectError('the image cannot be pulled', Code.FailedPrecondition), 'engagement.failed'],
  ])('fail at "%s" with the words of the traffic-manager, and leave nothing behind', async (call, error, code) => {
    fake.onCall = (name) => {
      if (name === call) throw error;
    };
    await expect(intercept()).rejects.toMatchObject({ code, message: expect.stringMatching(/^[A-Z]|^ann/) as string });
    expect(fake.intercepts.size).toBe(0);
    expect(shown.size).toBe(0);
  });

  it("fail with the traffic-manager's own error, where it sends one", async () => {
    const data = {
      code: 'workload.not-found',
      message: 'There is no shop',
      remedies: [{ label: 'Look', command: 'telepresence list' }],
    };
    fake.onCall = () => {
      const encoded = Buffer.from(JSON.stringify(data)).toString('base64');
      throw new ConnectError('There is no shop', Code.FailedPrecondition, { 'telepresence-error-bin': encoded });
    };
    await expect(intercept()).rejects.toMatchObject(data);
  });

  it('fail where an agent says so, or none answers in time', async () => {
    fake.isServed = false;
    const failing = intercept();
    const failed = expect(failing).rejects.toMatchObject({ code: 'engagement.failed', message: 'No such container' });
    await vi.waitFor(() => expect(fake.intercepts.size).toBe(1), soon);
    fake.change('shop', { disposition: InterceptDispositionType.AGENT_ERROR, message: 'no such container' });
    await failed;
    activeTimeoutMs = 50;
    await expect(intercept()).rejects.toMatchObject({ code: 'timeout' });
    expect(fake.intercepts.size).toBe(0);
  });

  it('go without a trace when they are cancelled', async () => {
    fake.isServed = false;
    const abort = new AbortController();
    const cancelled = expect(intercept({}, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await vi.waitFor(() => expect(fake.intercepts.size).toBe(1), soon);
    abort.abort();
    await cancelled;
    expect(fake.intercepts.size).toBe(0);
  });

  it('wait while no agent serves them, and follow to another pod', async () => {
    const path = join(directory, 'shop.env');
    await intercept({ envFile: { path, syntax: 'sh' } });
    fake.change('shop', { disposition: InterceptDispositionType.WAITING });
    await vi.waitFor(() => expect(shown.get('shop')?.state.kind).toBe('waiting'), soon);
    expect(health).toMatchObject([{ code: 'engagement.not-served' }]);
    fake.environment['COLOUR'] = 'red';
    fake.serve('shop', '10.244.0.8');
    await vi.waitFor(() => expect(shown.get('shop')).toMatchObject({ state: { kind: 'active' }, podIp: '10.244.0.8' }), soon);
    expect(readFileSync(path, 'utf8')).toContain("COLOUR='red'\n");
    expect(health).toEqual([]);
  });

  it('are kept by a session that is resumed after the link broke', async () => {
    await intercept();
    cluster.cut();
    await vi.waitFor(() => expect(shown.get('shop')?.state.kind).toBe('waiting'), soon);
    await vi.waitFor(() => expect(shown.get('shop')?.state.kind).toBe('active'), soon);
    expect(fake.countOf('create')).toBe(1);
    await vi.waitFor(() => expect(fake.countOf('watchDial')).toBe(2), soon);
    expect(await askShop('again')).toBe('you said again');
  });

  it('are made again where the traffic-manager has forgotten the session', async () => {
    await intercept();
    manager.sessions.clear();
    fake.intercepts.clear();
    cluster.cut();
    await vi.waitFor(() => expect(fake.intercepts.get('shop')?.id).toBe('session-2:shop'), soon);
    await vi.waitFor(() => expect(shown.get('shop')).toMatchObject({ id: 'session-2:shop', state: { kind: 'active' } }), soon);
    await vi.waitFor(() => expect(fake.countOf('watchDial')).toBe(2), soon);
    expect(await askShop('again')).toBe('you said again');
  });

  it('are over when somebody revoked them, say who did, and are seen to', async () => {
    await intercept();
    await vi.waitFor(() => expect(shown.get('shop')?.state.kind).toBe('active'), soon);
    fake.change('shop', { disposition: InterceptDispositionType.REMOVED, message: 'It was revoked by admin@office' });
    const reason = { code: 'engagement.removed', message: 'It was revoked by admin@office' };
    await vi.waitFor(() => expect(shown.get('shop')?.state).toMatchObject({ kind: 'ended', reason }), soon);
    await vi.waitFor(() => expect(fake.intercepts.has('shop')).toBe(false), soon);
    expect(fake.countOf('create')).toBe(1);
  });

  it('are not made again when somebody ended them in the cluster', async () => {
    await intercept();
    // Seen by the watch, and not only in the answer to its creation.
    await vi.waitFor(() => expect(shown.get('shop')?.state.kind).toBe('active'), soon);
    fake.takeAway('shop');
    await vi.waitFor(
      () => expect(shown.get('shop')?.state).toMatchObject({ kind: 'ended', reason: { code: 'engagement.removed' } }),
      soon,
    );
    expect(fake.countOf('create')).toBe(1);
    expect((await intercept()).engagement.state.kind).toBe('active');
  });

  it('are found again by the daemon that follows one that was killed', async () => {
    const path = join(directory, 'shop.env');
    const sleeping = { command: 'exec sleep 60', directory, environment: {} };
    await intercept({ envFile: { path, syntax: 'docker' }, handler: sleeping });
    const handlerBefore = shown.get('shop')?.process?.state;
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const killed = { engagements, session };
    // Nothing is said to the traffic-manager.
    cluster.cut();
    const former = readFileSync(file(), 'utf8');
    await killed.engagements.stop();
    manager.onCall = (name) => {
      if (name === 'depart') throw new Error('unheard');
    };
    await killed.session.stop();
    expect(readFileSync(file(), 'utf8')).toBe(former);
    manager.sessions.add('session-1');
    await makeDaemon();
    await vi.waitFor(() => expect(shown.get('shop')).toMatchObject({ id: 'session-1:shop', state: { kind: 'active' } }), soon);
    expect(existsSync(path)).toBe(true);
    await expect.poll(() => shown.get('shop')?.process?.state, soon).toMatchObject({ kind: 'running' });
    expect(shown.get('shop')?.process?.state).not.toEqual(handlerBefore);
    expect(await askShop('again')).toBe('you said again');
  });

  it('take away intercepts of their session that nobody wants', async () => {
    await intercept();
    const [info] = fake.intercepts.values();
    if (info?.spec === undefined) throw new Error('No intercept');
    fake.intercepts.set('orphan', { ...info, spec: { ...info.spec, name: 'orphan' } });
    fake.publish();
    await vi.waitFor(() => expect([...fake.intercepts.keys()]).toEqual(['shop']), soon);
  });

  it('lead a port of the loopback to the pod', async () => {
    const free = await freePort();
    await intercept({ toPod: [free] });
    const socket = connectTcp({ port: free, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('sidecar?');
    expect(await text(socket)).toBe('sidecar?');
    await engagements.leave('shop');
    await expect(once(connectTcp(free, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
