import { EventEmitter, on, once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { HandlerContext } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipToBytes, parseIp } from '#base/common/ip.ts';
import { silentLogger } from '#base/common/log.ts';
import { type ConnectionId, decodeConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import { AgentLinks, type AgentLinkTiming } from './agent-links.ts';
import type { ClusterSession } from './cluster-session.ts';
import type { DialWay } from './dial-way.ts';
import { PreferredDialer } from './preferred-dialer.ts';
import { FakeAgent } from './testing/fake-agent.ts';
import { FakeCluster } from './testing/fake-cluster.ts';
import { FakeManager } from './testing/fake-manager.ts';
import { laptopSession } from './testing/laptop-session.ts';

const podIp = '10.244.0.20';

describe('direct ways to agents', () => {
  let manager: FakeManager;
  let cluster: FakeCluster;
  let agent: FakeAgent;
  let session: ClusterSession;
  let links: AgentLinks;
  let dialer: PreferredDialer;
  let isEnabled: boolean;
  let pods: { podName: string; podIp: string; intercepted: boolean }[];
  let requests: string[];
  let managerTunnels: number;
  let onManagerTunnel: FakeManager['onTunnel'];
  const events = new EventEmitter().setMaxListeners(50);

  const tell = () => events.emit('pods');
  const snapshot = () => ({
    agents: pods.map((pod) => ({ ...pod, podIp: bytes(pod.podIp), namespace: 'default', apiPort: 9900, workloadName: 'shop' })),
  });
  async function* watchAgentPods(_session: unknown, { signal }: HandlerContext) {
    try {
      const changes = on(events, 'pods', { signal });
      yield snapshot();
      for await (const _change of changes) yield snapshot();
    } catch {
      // The watcher has gone.
    }
  }
  const startManager = async () => {
    manager = new FakeManager({ service: { watchAgentPods } });
    manager.onTunnel = (tunnel, info) => {
      managerTunnels += 1;
      onManagerTunnel(tunnel, info);
    };
    cluster.port = await manager.start();
  };
  const make = async (timing: Partial<AgentLinkTiming> = {}) => {
    links = new AgentLinks({
      session,
      openCluster: () => cluster.open(),
      isEnabled: () => isEnabled,
      onDialRequest: (way, request) => void answer(way, request.connId),
      logger: silentLogger,
      timing: { firstRetryMs: 20, ...timing },
    });
    dialer = new PreferredDialer({ agents: links, manager: session, patienceMs: 100 });
    links.start();
  };
  /** Says back what it hears, as a handler on the laptop. */
  const answer = async (way: DialWay, connId: Uint8Array) => {
    requests.push(way.sessionId);
    const info = {
      connectionId: decodeConnectionId(Buffer.from(connId)),
      sessionId: way.sessionId,
      dialTimeoutMs: 1_000,
      roundtripMs: 0,
    };
    const tunnel = await way.openTunnel(info, soon());
    tunnel.on('error', () => undefined);
    tunnel.dialOk();
    tunnel.pipe(tunnel);
  };
  const ping = async (id = idTo('10.96.0.1'), options: { readonly isOptimistic?: boolean } = {}) => {
    const tunnel = await dialer.dial(id, soon(), options);
    tunnel.on('error', () => undefined);
    tunnel.write('ping');
    const [echo] = (await once(tunnel, 'data')) as [Buffer];
    tunnel.destroy();
    return echo.toString();
  };
  const ask = async (question: string) => {
    const caller = await agent.call(idTo('127.0.0.1', 8080));
    await caller.dialled;
    caller.end(question);
    return await text(caller);
  };
  /** Until connections are carried by an agent. */
  const untilDirect = async (id = idTo('10.96.0.1')) => {
    await expect
      .poll(async () => {
        const before = agent.tunnels.length;
        await ping(id);
        return agent.tunnels.length > before;
      })
      .toBe(true);
    managerTunnels = 0;
    agent.tunnels.length = 0;
  };

  beforeEach(async () => {
    cluster = new FakeCluster();
    await cluster.start();
    agent = new FakeAgent();
    cluster.podPorts.set('shop-1', await agent.start());
    pods = [{ podName: 'shop-1', podIp, intercepted: false }];
    requests = [];
    managerTunnels = 0;
    isEnabled = true;
    onManagerTunnel = (tunnel) => {
      tunnel.dialOk();
      tunnel.pipe(tunnel);
    };
    await startManager();
    session = laptopSession(cluster);
    await session.start(soon(), () => undefined);
  });

  afterEach(async () => {
    await Promise.all([links.stop(), session.stop()]);
    await Promise.all([cluster.stop(), manager.stop(), agent.stop()]);
  });

  describe('for connections from the cluster', () => {
    beforeEach(() => {
      pods = [{ podName: 'shop-1', podIp, intercepted: true }];
    });

    it('are held to intercepted pods, and bring their requests', async () => {
      await make();
      await expect.poll(() => agent.watchers).toEqual(['session-1']);
      expect(await ask('hello')).toBe('hello');
      expect(requests).toEqual(['session-1']);
      expect(managerTunnels).toBe(0);
      expect(links.stats()).toMatchObject({ pods: 1, watched: 1 });
    });

    it('go on while the traffic-manager is away, and after it has come back with nothing intercepted yet', async () => {
      await make();
      await expect.poll(() => agent.watchers).toHaveLength(1);
      await manager.stop();
      await expect.poll(() => session.isUp).toBe(false);
      expect(await ask('meanwhile')).toBe('meanwhile');
      pods = [];
      await startManager();
      await expect.poll(() => session.isUp).toBe(true);
      expect(await ask('afterwards')).toBe('afterwards');
    });

    it('are made again when they break', async () => {
      await make();
      await expect.poll(() => agent.watchers).toHaveLength(1);
      cluster.cutPod('shop-1');
      await expect.poll(() => agent.watchCount).toBe(2);
      expect(await ask('again')).toBe('again');
    });

    it('are made again when they fall silent', async () => {
      await make({ probe: { everyMs: 50, timeoutMs: 50 } });
      await expect.poll(() => agent.watchers).toHaveLength(1);
      cluster.fallSilent();
      await expect.poll(() => agent.watchCount, { timeout: 10_000 }).toBe(2);
      expect(await ask('again')).toBe('again');
    });

    it('are not tried over and over where the user may not open them', async () => {
      cluster.answers.set('/api/v1/namespaces/default/pods/shop-1/portforward', 403);
      await make();
      await expect.poll(() => manager.countOf('version')).toBeGreaterThan(0);
      expect(await ping()).toBe('ping');
      expect(agent.watchers).toEqual([]);
      expect(links.stats()).toMatchObject({ pods: 0, forwards: 0 });
    });

    it('end a while after the intercept, when they are idle', async () => {
      await make({ unwatchMs: 30, idleMs: 30 });
      await expect.poll(() => agent.watchers).toHaveLength(1);
      pods = [{ podName: 'shop-1', podIp, intercepted: false }];
      tell();
      await expect.poll(() => cluster.forwardsTo('shop-1')).toBe(0);
    });

    it('are watched again by an agent that did not know the session at first', async () => {
      agent.refused.add('session-1');
      await make();
      await expect.poll(() => cluster.forwardsTo('shop-1')).toBe(1);
      agent.refused.clear();
      await expect.poll(() => agent.watchers).toHaveLength(1);
    });
  });

  describe('for connections into the cluster', () => {
    it('are made behind the back of the first connection, and carry the next', async () => {
      await make();
      await untilDirect();
      expect(await ping()).toBe('ping');
      expect(agent.tunnels).toHaveLength(1);
      expect(agent.tunnels[0]?.sessionId).toBe('session-1');
      expect(managerTunnels).toBe(0);
    });

    it('are not used where that is switched off', async () => {
      isEnabled = false;
      await make();
      for (let count = 0; count < 5; count += 1) expect(await ping()).toBe('ping');
      expect(managerTunnels).toBe(5);
      expect(cluster.forwardsTo('shop-1')).toBe(0);
    });

    it('carry datagrams only to their own pod', async () => {
      await make();
      await untilDirect();
      await dialer.dial({ ...idTo('10.96.0.1'), protocol: 'udp' }, soon());
      expect(managerTunnels).toBe(1);
      await dialer.dial({ ...idTo(podIp), protocol: 'udp' }, soon());
      expect(agent.tunnels).toHaveLength(1);
    });

    it('leave to the traffic-manager what an agent does not reach', async () => {
      await make();
      await untilDirect(idTo('10.96.0.9'));
      agent.onTunnel = (tunnel) => tunnel.dialReject();
      expect(await ping()).toBe('ping');
      expect(await ping()).toBe('ping');
      expect(agent.tunnels).toHaveLength(1);
      expect(managerTunnels).toBe(2);
    });

    it("take the verdict of the destination's own agent, and the traffic-manager's otherwise", async () => {
      await make();
      await untilDirect(idTo(podIp));
      agent.onTunnel = (tunnel) => tunnel.dialReject();
      onManagerTunnel = (tunnel) => tunnel.dialReject();
      await expect(dialer.dial(idTo(podIp, 81), soon())).rejects.toBeInstanceOf(DialRejectedError);
      expect(managerTunnels).toBe(0);
      await expect(dialer.dial(idTo('10.96.0.1'), soon())).rejects.toBeInstanceOf(DialRejectedError);
      expect(managerTunnels).toBe(1);
    });

    it('ask the traffic-manager as well where an agent takes long', async () => {
      await make();
      await untilDirect(idTo('10.96.0.9'));
      const closed = Promise.withResolvers<void>();
      agent.onTunnel = (tunnel) => tunnel.once('close', () => closed.resolve()).resume();
      expect(await ping()).toBe('ping');
      expect(managerTunnels).toBe(1);
      await closed.promise;
    });

    it('lose no connection when they break while it is dialled', async () => {
      await make();
      await untilDirect();
      agent.onTunnel = () => cluster.cutPod('shop-1');
      expect(await ping()).toBe('ping');
      expect(managerTunnels).toBe(1);
    });

    it('do not wait where an agent has reached the destination before', async () => {
      await make();
      await untilDirect();
      let dials = 0;
      agent.onTunnel = (tunnel) => {
        dials += 1;
        tunnel.resume();
      };
      const tunnel = await dialer.dial(idTo('10.96.0.1'), soon(), { isOptimistic: true });
      await expect.poll(() => dials).toBe(1);
      tunnel.destroy();
      expect(managerTunnels).toBe(0);
    });

    it('are closed when they are idle', async () => {
      await make({ idleMs: 30 });
      await untilDirect();
      await expect.poll(() => cluster.forwardsTo('shop-1')).toBe(0);
    });

    it('end at once, although the watch of pods does not hear of it', async () => {
      const deaf = {
        watchAgentPods: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
      };
      const live = {
        link: { manager: deaf, closed: new Promise<void>(() => undefined), isOpen: true },
        session: { sessionId: 'one' },
      };
      const options = { openCluster: () => cluster.open(), isEnabled: () => true, onDialRequest: () => undefined };
      const stuck = new AgentLinks({ ...options, session: { live: async () => live as never }, logger: silentLogger });
      stuck.start();
      await new Promise((resolve) => setImmediate(resolve));
      await stuck.stop();
    });

    it('are as many as needed, and no more than eight pods', async () => {
      pods = Array.from({ length: 12 }, (_, index) => ({
        podName: `shop-${index}`,
        podIp: `10.244.1.${index}`,
        intercepted: false,
      }));
      for (const { podName } of pods) cluster.podPorts.set(podName, cluster.podPorts.get('shop-1') ?? 0);
      await make();
      await untilDirect();
      for (const pod of pods) await ping(idTo(pod.podIp));
      await expect.poll(() => links.stats().pods).toBe(8);
      for (const pod of pods) expect(await ping(idTo(pod.podIp))).toBe('ping');
      expect(links.stats().pods).toBe(8);
    });
  });
});

function idTo(ip: string, port = 80): ConnectionId {
  const source = { ip: address('198.18.0.1'), port: 40_000 };
  return { source, destination: { ip: address(ip), port }, protocol: 'tcp' };
}

function bytes(ip: string) {
  return ipToBytes(address(ip));
}

function address(ip: string) {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(`not an address: ${ip}`);
  return parsed;
}

function soon() {
  return AbortSignal.timeout(10_000);
}
