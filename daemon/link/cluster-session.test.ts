import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import { encodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { ClusterSession, type SessionState, type SessionTiming } from './cluster-session.ts';
import { FakeCluster, readyPod } from './testing/fake-cluster.ts';
import { FakeManager } from './testing/fake-manager.ts';

const id: ConnectionId = {
  source: { ip: { family: 4, value: 0xc6120001n }, port: 40_000 },
  destination: { ip: { family: 4, value: 0x0a600001n }, port: 80 },
  protocol: 'tcp',
};

describe('session with the traffic-manager', () => {
  let manager: FakeManager;
  let cluster: FakeCluster;
  let session: ClusterSession;
  let states: SessionState[];
  let stages: string[];
  let infos: number;

  const make = (timing: Partial<SessionTiming> = {}, openCluster = () => cluster.open()) =>
    new ClusterSession({
      openCluster,
      managerNamespace: 'ambassador',
      identity: { name: 'dev@laptop', namespace: 'default', installId: 'install', version: '1.0.0' },
      logger: silentLogger,
      onClusterInfo: () => (infos += 1),
      onStateChanged: (state) => states.push(state),
      timing: { firstRetryMs: 20, ...timing },
    });
  const start = async (signal = AbortSignal.timeout(10_000)) => await session.start(signal, (stage) => stages.push(stage));
  const soon = () => AbortSignal.timeout(10_000);
  const ping = async () => {
    const tunnel = await session.dial(id, soon());
    tunnel.write('ping');
    const [echo] = (await once(tunnel, 'data')) as [Buffer];
    tunnel.destroy();
    return echo.toString();
  };
  const kinds = () => states.map(({ kind }) => kind);

  beforeEach(async () => {
    manager = new FakeManager();
    cluster = new FakeCluster();
    await cluster.start();
    cluster.port = await manager.start();
    states = [];
    stages = [];
    infos = 0;
    session = make();
  });

  afterEach(async () => {
    await session.stop();
    await Promise.all([cluster.stop(), manager.stop()]);
  });

  it('begins in stages, with the first word about the cluster, and ends with a depart', async () => {
    await start();
    expect(stages).toEqual(['api', 'manager', 'session', 'subnets']);
    expect(kinds()).toEqual(['up']);
    expect(infos).toBe(1);
    expect(session.sessionId).toBe('session-1');
    expect(session.manager).toEqual({
      name: 'Traffic Manager',
      version: 'v2.99.0',
      agentImage: 'registry.test/agent:1',
      clientConfigYaml: 'timeouts: {}\n',
    });
    expect(await ping()).toBe('ping');
    const { rcode, rrs } = await session.lookup('web.default.', 1, soon());
    expect({ rcode, rrs: rrs.toString() }).toEqual({ rcode: 0, rrs: 'web.default.' });
    await session.stop();
    expect(manager.sessions.size).toBe(0);
    await session.stop();
    expect(manager.countOf('depart')).toBe(1);
  });

  it('leaves nothing open behind it, nor anything that keeps the process up', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    await start();
    await Promise.all([ping(), ping()]);
    expect(timers()).toBeGreaterThan(before);
    await session.stop();
    expect(timers()).toBeLessThanOrEqual(before);
    await expect.poll(() => [cluster.forwards, cluster.connections]).toEqual([0, 0]);
  });

  it('refuses at once, not at the deadline, once it has ended', async () => {
    await start();
    await session.stop();
    await expect(session.dial(id, soon())).rejects.toMatchObject({ code: 'connection.lost' });
    await expect(session.lookup('web', 1, soon())).rejects.toMatchObject({ code: 'connection.lost' });
  });

  it('fails those that wait for a way when it ends', async () => {
    await start();
    cluster.refuse('services', 500);
    cluster.cut();
    await expect.poll(kinds).toContain('down');
    const dialling = session.dial(id, soon());
    await session.stop();
    await expect(dialling).rejects.toMatchObject({ code: 'connection.lost' });
  });

  describe('that cannot begin', () => {
    const failure = async () => {
      const error: unknown = await start().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await expect.poll(() => [cluster.forwards, cluster.connections]).toEqual([0, 0]);
      return error;
    };

    it('says that no traffic-manager is installed, and how to install it', async () => {
      cluster.refuse('services', 404);
      expect(await failure()).toMatchObject({
        code: 'manager.not-installed',
        remedies: [{ command: 'telepresence helm install' }, { label: expect.stringContaining('--manager-namespace') as string }],
      });
    });

    it('says why the pod is not ready', async () => {
      const containerStatuses = [{ state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }];
      cluster.podsAre({ ...readyPod, status: { phase: 'Pending', containerStatuses } });
      expect(await failure()).toMatchObject({ code: 'manager.not-ready', reason: 'ImagePullBackOff: no such image' });
    });

    it('says that the pod finds no node', async () => {
      const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }];
      cluster.podsAre({ ...readyPod, status: { phase: 'Pending', conditions } });
      expect(await failure()).toMatchObject({ code: 'manager.not-ready', reason: 'Unschedulable: 0/1 nodes are available' });
    });

    it('says that there are no pods', async () => {
      cluster.podsAre();
      expect(await failure()).toMatchObject({ code: 'manager.not-ready', reason: 'It has no pods' });
    });

    it('names the permission that is missing, with the command that grants it', async () => {
      cluster.refuse('pods', 403);
      expect(await failure()).toMatchObject({
        code: 'cluster.forbidden',
        message: 'You may not list pods in namespace "ambassador"',
        remedies: [{ command: expect.stringContaining('--verb=list --resource=pods') as string }, {}],
      });
    });

    it('says that the port-forward is forbidden', async () => {
      cluster.refuse('port-forward', 403);
      expect(await failure()).toMatchObject({ code: 'cluster.forbidden' });
    });

    it('says that the credentials are not accepted', async () => {
      cluster.refuse('services', 401);
      expect(await failure()).toMatchObject({
        code: 'cluster.unauthenticated',
        remedies: [{ command: 'kubectl get namespaces' }],
      });
    });

    it('says that nobody listens at the API server', async () => {
      const unused = createServer().listen(0, '127.0.0.1');
      await once(unused, 'listening');
      const server = new URL(`http://127.0.0.1:${(unused.address() as AddressInfo).port}`);
      await new Promise((resolve) => unused.close(resolve));
      session = make({}, () => new KubeClient({ server, requestOptions: async () => ({}) }));
      expect(await failure()).toMatchObject({
        code: 'cluster.unreachable',
        reason: expect.stringContaining('ECONNREFUSED') as string,
      });
    });

    it('says that the pod does not listen', async () => {
      await manager.stop();
      expect(await failure()).toMatchObject({ code: 'manager.unreachable' });
    });

    it('says that the port-forward is no WebSocket, as behind some proxies', async () => {
      cluster.refuse('port-forward', 200);
      expect(await failure()).toMatchObject({ code: expect.stringMatching(/^(manager.unreachable|cluster.api)$/) as string });
    });

    it("gives the traffic-manager's own reason, without waiting for the deadline", async () => {
      manager.onCall = (name) => {
        if (name === 'watchClusterInfo') throw new ConnectError('not for you', Code.PermissionDenied);
      };
      const began = performance.now();
      expect(await failure()).toMatchObject({ code: 'manager.unreachable', reason: 'not for you' });
      expect(performance.now() - began).toBeLessThan(3_000);
      expect(manager.sessions.size).toBe(0);
    });

    it('says that the traffic-manager does not manage the namespace, in its own words where it has more', async () => {
      const whole = new AppError({ code: 'cluster.namespace-not-found', message: 'There is no such namespace' });
      const trailers = new Headers({ [errorTrailer]: encodeError(whole) });
      let answer = new ConnectError('namespace default is not managed', Code.FailedPrecondition);
      manager.onCall = (name) => {
        if (name === 'arriveAsClient') throw answer;
      };
      expect(await failure()).toMatchObject({
        code: 'manager.namespace-not-managed',
        reason: 'namespace default is not managed',
      });
      answer = new ConnectError('no such namespace', Code.FailedPrecondition, trailers);
      session = make();
      expect(await failure()).toMatchObject({ code: 'cluster.namespace-not-found', message: 'There is no such namespace' });
    });

    it("ends with the signal's reason at a port-forward that is never answered", async () => {
      cluster.isDeaf = true;
      const cancel = new AbortController();
      const starting = start(cancel.signal);
      await expect.poll(() => stages).toContain('manager');
      cancel.abort(new Error('enough'));
      await expect(starting).rejects.toThrow('enough');
    });

    it('ends when it is stopped while the traffic-manager says nothing, and leaves nothing open', async () => {
      manager.onCall = async () => await new Promise(() => undefined);
      const starting = failure();
      await expect.poll(() => manager.calls).toContain('arriveAsClient');
      await session.stop();
      expect(await starting).toMatchObject({ code: 'connection.lost' });
    });
  });

  describe('whose way breaks', () => {
    it('is resumed on the next one', async () => {
      await start();
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
      expect(states[1]).toMatchObject({ attempt: 1, reason: { code: 'connection.lost' } });
      expect(manager.countOf('arriveAsClient')).toBe(1);
      expect(manager.countOf('remain')).toBe(1);
      expect(session.sessionId).toBe('session-1');
      expect(await ping()).toBe('ping');
    });

    it('arrives anew where the traffic-manager has forgotten it', async () => {
      await start();
      manager.sessions.clear();
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
      expect(session.sessionId).toBe('session-2');
      expect(await ping()).toBe('ping');
    });

    it('arrives anew where the traffic-manager forgets it on an open way', async () => {
      session = make({ idleProbe: { everyMs: 50, timeoutMs: 1_000 } });
      await start();
      manager.sessions.clear();
      await expect.poll(() => session.sessionId).toBe('session-2');
    });

    it('serves those who wait with the next way', async () => {
      await start();
      cluster.refuse('services', 503);
      cluster.cut();
      await expect.poll(kinds).toContain('down');
      const waiting = [ping(), ping(), session.lookup('web.', 1, soon()).then(({ rrs }) => rrs.toString())];
      cluster.answers.set('/api/v1/namespaces/ambassador/services/traffic-manager', {
        spec: { ports: [{ name: 'api', port: 8081 }] },
      });
      expect(await Promise.all(waiting)).toEqual(['ping', 'ping', 'web.']);
    });

    it('dials again what was not answered when it broke', async () => {
      await start();
      let dials = 0;
      manager.onTunnel = (tunnel) => {
        dials += 1;
        if (dials === 1) return;
        tunnel.dialOk();
        tunnel.pipe(tunnel);
      };
      const pinging = ping();
      await expect.poll(() => dials).toBe(1);
      cluster.cut();
      expect(await pinging).toBe('ping');
      expect(dials).toBe(2);
    });

    it('fails connections that were open', async () => {
      await start();
      const tunnel = await session.dial(id, soon());
      const failed = once(tunnel, 'close').catch((error: unknown) => error);
      cluster.cut();
      await failed;
      expect(tunnel.errored).toMatchObject({ code: 'ECONNRESET' });
    });

    it('counts attempts until one lasts', async () => {
      await start();
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down', 'up', 'down', 'up']);
      expect(states.filter(({ kind }) => kind === 'down')).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    });

    it('tries again at once when somebody asks', async () => {
      session = make({ firstRetryMs: 60_000, maxRetryMs: 60_000 });
      await start();
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down']);
      session.checkNow();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
    });

    it('stops while it tries', async () => {
      session = make({ firstRetryMs: 60_000, maxRetryMs: 60_000 });
      await start();
      cluster.cut();
      await expect.poll(kinds).toEqual(['up', 'down']);
      await session.stop();
      await expect.poll(() => [cluster.forwards, cluster.connections]).toEqual([0, 0]);
    });
  });

  describe('whose way falls silent', () => {
    it('notices within five seconds under traffic, by the ordinary timing', async () => {
      await start();
      const tunnel = await session.dial(id, soon());
      const failed = once(tunnel, 'close').catch((error: unknown) => error);
      const began = performance.now();
      cluster.fallSilent();
      await failed;
      expect(performance.now() - began).toBeLessThan(5_000);
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
      expect(await ping()).toBe('ping');
    });

    it('notices while idle', async () => {
      session = make({ idleProbe: { everyMs: 100, timeoutMs: 100 } });
      await start();
      cluster.fallSilent();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
    });

    it('serves a program that comes then, by the pace of traffic', async () => {
      session = make({ idleProbe: { everyMs: 60_000, timeoutMs: 60_000 }, busyProbe: { everyMs: 100, timeoutMs: 100 } });
      await start();
      cluster.fallSilent();
      expect(await ping()).toBe('ping');
    });

    it('notices at once when somebody asks', async () => {
      session = make({ idleProbe: { everyMs: 60_000, timeoutMs: 60_000 }, busyProbe: { everyMs: 60_000, timeoutMs: 100 } });
      await start();
      cluster.fallSilent();
      session.checkNow();
      await expect.poll(kinds).toEqual(['up', 'down', 'up']);
    });

    it('stays up where answers are late but bytes come', async () => {
      session = make({ busyProbe: { everyMs: 50, timeoutMs: 100 }, idleProbe: { everyMs: 50, timeoutMs: 100 } });
      await start();
      manager.onCall = async (name) => {
        if (name !== 'depart') await new Promise(() => undefined);
      };
      const tunnel = await session.dial(id, soon());
      let chunks = 0;
      tunnel.on('data', () => {
        chunks += 1;
        setTimeout(() => tunnel.write('x'), 10);
      });
      tunnel.write('x');
      await expect.poll(() => chunks, { timeout: 10_000 }).toBeGreaterThan(50);
      expect(kinds()).toEqual(['up']);
    });
  });

  describe('dials', () => {
    it('fail where the far side refuses, and do not try again', async () => {
      await start();
      manager.onTunnel = (tunnel) => tunnel.dialReject();
      await expect(session.dial(id, soon())).rejects.toBeInstanceOf(DialRejectedError);
    });

    it('end in the cluster too when the program gives up', async () => {
      await start();
      manager.onTunnel = (tunnel) => void tunnel.resume();
      const giveUp = new AbortController();
      const dialling = session.dial(id, giveUp.signal);
      await expect.poll(() => manager.tunnels.size).toBe(1);
      giveUp.abort();
      await expect(dialling).rejects.toThrow();
      await expect.poll(() => manager.tunnels.size).toBe(0);
      await expect(session.dial(id, giveUp.signal)).rejects.toThrow();
      expect(manager.tunnels.size).toBe(0);
    });

    it('leave no listener on a signal that lives long', async () => {
      await start();
      const { signal } = new AbortController();
      const add = vi.spyOn(signal, 'addEventListener');
      const remove = vi.spyOn(signal, 'removeEventListener');
      for (let count = 0; count < 10; count += 1) (await session.dial(id, signal)).destroy();
      expect(add.mock.calls.length).toBeGreaterThan(0);
      expect(remove.mock.calls.length).toBe(add.mock.calls.length);
    });

    it('stay below the stream limit of the peer: a thousand at once are all open, over several port-forwards', async () => {
      await start();
      const tunnels = await Promise.all(
        Array.from({ length: 1_000 }, async () => await session.dial(id, AbortSignal.timeout(15_000))),
      );
      expect(manager.tunnels.size).toBe(1_000);
      expect(cluster.forwards).toBeGreaterThanOrEqual(5);
      expect(cluster.forwards).toBeLessThan(10);
      expect(await ping()).toBe('ping');
      const echoes = tunnels.map(async (tunnel) => {
        tunnel.write('x');
        await once(tunnel, 'data');
      });
      await Promise.all(echoes);
      for (const tunnel of tunnels) tunnel.destroy();
      await expect.poll(() => manager.tunnels.size).toBe(0);
      expect(kinds()).toEqual(['up']);
    });

    it('go on over the forwards that are there where one dies', async () => {
      await start();
      await Promise.all([ping(), ping(), ping()]);
      await expect.poll(() => cluster.forwards).toBeGreaterThan(1);
      cluster.cutLast();
      expect(await Promise.all(Array.from({ length: 10 }, ping))).toEqual(Array.from({ length: 10 }, () => 'ping'));
      expect(kinds()).toEqual(['up']);
    });

    it('fail rather than crowd out the calls where no further port-forward can be had', async () => {
      await start();
      cluster.refuse('port-forward', 403);
      const results = await Promise.allSettled(Array.from({ length: 300 }, async () => await session.dial(id, soon())));
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.length).toBeGreaterThan(50);
      expect(refused.length).toBeLessThan(250);
      expect((await session.lookup('web.', 1, soon())).rrs.toString()).toBe('web.');
      expect(kinds()).toEqual(['up']);
    });
  });
});
