import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, it } from 'vitest';
import { desktopProduct } from '#protocol/cluster/desktop-wire.ts';
import {
  InterceptDispositionType,
  type InterceptInfo,
  type SessionInfo,
  WorkloadInfo_AgentState,
} from '#protocol/cluster/generated/manager_pb.js';
import { TestManager } from '../test-manager.ts';
import type { TestAgent } from './test-agent.ts';

const { ACTIVE, WAITING, REMOVED, NO_CLIENT, AGENT_ERROR } = InterceptDispositionType;
const shop = { name: 'shop', agent: 'shop', namespace: 'shop', workloadKind: 'Deployment' };
const onPort = (containerPort: number, targetPort = 3000) => ({
  ...shop,
  mechanism: 'tcp',
  containerPort,
  protocol: 'TCP',
  targetHost: '127.0.0.1',
  targetPort,
});

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call succeeded');
}

/** Reads until a value fits. */
async function until<T>(values: AsyncIterable<T>, fits: (value: T) => boolean): Promise<T> {
  for await (const value of values) if (fits(value)) return value;
  throw new Error('the stream ended');
}

describe('intercepts', () => {
  let bed: TestManager;

  const start = async (options: Parameters<typeof TestManager.start>[0] = {}) => {
    bed = await TestManager.start({ env: { AGENT_IMAGE: 'registry.test/tel:1', AGENT_ARRIVAL_TIMEOUT: '5s' }, ...options });
    bed.injector.put('shop', 'shop', 'http');
    return bed;
  };
  afterEach(async () => await bed.stop());

  /** What a session is told of, when it fits. */
  const told = async (session: SessionInfo, fits: (intercepts: readonly InterceptInfo[]) => boolean) =>
    (await until(bed.laptop.watchIntercepts(session), ({ intercepts }) => fits(intercepts))).intercepts;
  const inState = async (session: SessionInfo, disposition: InterceptDispositionType) => {
    const [found] = await told(session, ([first]) => first?.disposition === disposition);
    if (found === undefined) throw new Error('no intercept');
    return found;
  };

  it('leave out the variables that laptops are not to get', async () => {
    const { laptop, session } = await start({ env: { INTERCEPT_ENVIRONMENT_EXCLUDED: 'OTHER POD' } });
    (await bed.agent('shop', 'shop-1')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    expect((await inState(session, ACTIVE)).environment).toEqual({});
  });

  it('live from preparation to leaving, with an agent that arrives meanwhile', async () => {
    const deployments = '/apis/apps/v1/namespaces/shop/deployments';
    const { laptop, session, injector } = await start({
      prepare: (api) => api.put(deployments, { metadata: { name: 'shop', namespace: 'shop' } }),
    });
    const workloads = laptop.watchWorkloads({ sessionInfo: session })[Symbol.asyncIterator]();
    let since: Date | undefined;
    const stateOf = async () => {
      const result = await workloads.next();
      if (result.done === true) throw new Error('the stream ended');
      const [at] = result.value.events.flatMap(({ workload }) => workload?.interceptClients ?? []);
      since = at?.since === undefined ? undefined : timestampDate(at.since);
      return result.value.events.map(({ workload }) => [
        workload?.agentState,
        workload?.interceptClients.map(({ client }) => client),
      ]);
    };
    expect(await stateOf()).toEqual([[WorkloadInfo_AgentState.NO_AGENT_UNSPECIFIED, []]]);
    let agent: TestAgent | undefined;
    injector.onEnsure = async () => {
      // Not waited for: as with pods, the agent comes after the injector is done.
      setTimeout(() => void bed.agent('shop', 'shop-1').then((arrived) => (agent = arrived.work())), 20);
    };
    const prepared = await laptop.prepareIntercept({
      session,
      interceptSpec: { ...shop, portIdentifier: 'http', targetPort: 3000 },
    });
    expect(prepared).toMatchObject({
      error: '',
      namespace: 'shop',
      workloadKind: 'Deployment',
      agentImage: 'registry.test/tel:1',
      containerName: 'app',
      containerPort: 8080,
      protocol: 'TCP',
      serviceName: 'shop',
      serviceUid: 'uid-of-shop',
      servicePortName: 'http',
      servicePort: 80,
    });
    expect(await stateOf()).toEqual([[WorkloadInfo_AgentState.INSTALLED, []]]);

    const began = Date.now();
    const created = await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    expect(created).toMatchObject({ id: `${session.sessionId}:shop`, disposition: WAITING, spec: { client: 'me@laptop' } });
    const active = await inState(session, ACTIVE);
    expect(active).toMatchObject({
      podIp: '10.244.0.20',
      podName: 'shop-1',
      apiPort: 9901,
      environment: { POD: 'shop-1' },
      mountPoint: '/tel_app_mounts/app',
      clientSession: { sessionId: session.sessionId },
    });
    expect(await stateOf()).toEqual([[WorkloadInfo_AgentState.INTERCEPTED, ['me@laptop']]]);
    expect(since?.getTime()).toBeGreaterThanOrEqual(began);
    expect(since?.getTime()).toBeLessThanOrEqual(Date.now());
    expect(await laptop.getIntercept({ session, name: 'shop' })).toMatchObject({ disposition: ACTIVE });
    const pods = await until(laptop.watchAgentPods(session), ({ agents }) => agents[0]?.intercepted === true);
    expect(pods.agents).toMatchObject([{ podName: 'shop-1', workloadName: 'shop', apiPort: 9901 }]);
    expect(Buffer.from(pods.agents[0]?.podIp ?? [])).toEqual(Buffer.from([10, 244, 0, 20]));
    expect((await until(laptop.watchAgents(session), () => true)).agents).toMatchObject([{ podName: 'shop-1' }]);

    await laptop.removeIntercept({ session, name: 'shop' });
    expect(await told(session, (intercepts) => intercepts.length === 0)).toEqual([]);
    expect(await told(agent?.session ?? session, (intercepts) => intercepts.length === 0)).toEqual([]);
    expect(await stateOf()).toEqual([[WorkloadInfo_AgentState.INSTALLED, []]]);
    expect((await failure(laptop.getIntercept({ session, name: 'shop' }))).code).toBe(Code.NotFound);
    expect((await failure(laptop.removeIntercept({ session, name: 'shop' }))).code).toBe(Code.NotFound);
    await workloads.return?.();
  });

  it('keep each port for who has it, and say who, where and since when', async () => {
    const { laptop, session } = await start();
    (await bed.agent('shop', 'shop-1')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    const other = await bed.arrive('you@desk');
    const spec = { ...onPort(8080), name: 'mine' };
    for (const call of [
      laptop.createIntercept({ session: other, interceptSpec: spec }),
      laptop.prepareIntercept({ session: other, interceptSpec: { ...shop, name: 'mine', portIdentifier: 'http' } }),
    ]) {
      const error = await failure(call);
      expect(error.code).toBe(Code.AlreadyExists);
      expect(error.rawMessage).toMatch(
        /^Port 8080\/TCP of Deployment shop\.shop is intercepted by me on laptop since \d{4}-\d\d-\d\dT[\d:]+Z \(less than a minute\), as "shop"$/,
      );
      const data: unknown = JSON.parse(Buffer.from(error.metadata.get('telepresence-error-bin') ?? '', 'base64').toString());
      expect(data).toMatchObject({ code: 'engagement.conflict', context: { owner: 'me', host: 'laptop', intercept: 'shop' } });
    }
    // Another port, and another protocol, are free.
    await laptop.createIntercept({ session: other, interceptSpec: { ...onPort(8081), name: 'a' } });
    await laptop.createIntercept({ session: other, interceptSpec: { ...onPort(8080), name: 'b', protocol: 'UDP' } });
    const again = await failure(laptop.createIntercept({ session, interceptSpec: onPort(9999) }));
    expect(again.code).toBe(Code.AlreadyExists);
    expect(again.rawMessage).toBe('The intercept "shop" exists already');
    await laptop.removeIntercept({ session, name: 'shop' });
    await laptop.createIntercept({ session: other, interceptSpec: spec });
  });

  it('pass from a laptop that nobody has used for 10 min to one that asks, and tell the former owner', async () => {
    let now = 0;
    const { laptop, session } = await start({ now: () => now });
    const other = await bed.arrive('you@desk');
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    now = 10 * 60_000;
    expect((await failure(laptop.createIntercept({ session: other, interceptSpec: onPort(8080) }))).code).toBe(
      Code.AlreadyExists,
    );
    now += 1;
    expect(await laptop.createIntercept({ session: other, interceptSpec: onPort(8080) })).toMatchObject({ disposition: WAITING });
    expect((await inState(session, REMOVED)).message).toContain('you@desk has taken it on');
    await laptop.removeIntercept({ session, name: 'shop' });
    expect(await told(session, () => true)).toEqual([]);
  });

  it('are taken back at once by the laptop itself in a new session', async () => {
    const { laptop } = await start();
    const former = await bed.arrive('you@desk', { installId: 'the same' });
    const next = await bed.arrive('you@desk', { installId: 'the same' });
    await laptop.createIntercept({ session: former, interceptSpec: onPort(8080) });
    await laptop.createIntercept({ session: next, interceptSpec: onPort(8080) });
    expect(await inState(former, REMOVED)).toMatchObject({ id: `${former.sessionId}:shop` });
  });

  it('leave the app to its callers while the laptop is silent, come back with it, and end with its lease', async () => {
    let now = 0;
    const { laptop, manager } = await start({ now: () => now });
    const agent = (await bed.agent('shop', 'shop-1')).work();
    const session = await bed.arrive('you@desk', { product: desktopProduct });
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    await inState(session, ACTIVE);
    const silentFor = async (ms: number) => {
      now += ms;
      await laptop.remain({ session: agent.session });
      manager.sessions.sweep();
    };
    await silentFor(10_000);
    await inState(agent.session, ACTIVE);
    await silentFor(10_001);
    await inState(agent.session, NO_CLIENT);
    await inState(session, WAITING);
    await laptop.remain({ session });
    await inState(agent.session, ACTIVE);
    await inState(session, ACTIVE);
    for (let beats = 0; beats < 61; beats += 1) await silentFor(10_000);
    expect(await told(agent.session, () => true)).toEqual([]);
    expect((await failure(laptop.remain({ session }))).code).toBe(Code.NotFound);
  });

  it('wait when their agent goes, and are active again with the next', async () => {
    const { laptop, session } = await start();
    const first = (await bed.agent('shop', 'shop-1')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    await inState(session, ACTIVE);
    await first.leave();
    expect((await inState(session, WAITING)).message).toBe('Waiting for a traffic-agent of shop.shop to arrive');
    (await bed.agent('shop', 'shop-2', '10.244.0.21')).work();
    expect(await inState(session, ACTIVE)).toMatchObject({
      podName: 'shop-2',
      podIp: '10.244.0.21',
      environment: { POD: 'shop-2' },
    });
  });

  it('stay active without a gap while one of several agents remains', async () => {
    const { laptop, session } = await start();
    const first = (await bed.agent('shop', 'shop-1')).work();
    const second = (await bed.agent('shop', 'shop-2', '10.244.0.21')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    for (const { session: agent } of [first, second]) await inState(agent, ACTIVE);
    const { podName } = await inState(session, ACTIVE);
    const seen: InterceptDispositionType[] = [];
    const handover = until(laptop.watchIntercepts(session), ({ intercepts: [intercept] }) => {
      seen.push(intercept?.disposition ?? REMOVED);
      return intercept?.podName !== podName;
    });
    await (podName === 'shop-1' ? first : second).leave();
    expect((await handover).intercepts[0]).toMatchObject({ disposition: ACTIVE });
    expect(seen.every((disposition) => disposition === ACTIVE)).toBe(true);
  });

  it('fail with the word of the agent when every one of them refuses', async () => {
    const { laptop, session } = await start();
    (await bed.agent('shop', 'shop-1')).work(AGENT_ERROR, 'no such port');
    const second = await bed.agent('shop', 'shop-2');
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    // The second may yet take it on.
    await told(second.session, ([intercept]) => intercept?.disposition === WAITING);
    expect(await laptop.getIntercept({ session, name: 'shop' })).toMatchObject({ disposition: WAITING });
    second.work(AGENT_ERROR, 'no such port');
    expect(await inState(session, AGENT_ERROR)).toMatchObject({ message: 'no such port' });
  });

  it('end with the session of their laptop', async () => {
    const { laptop, session } = await start();
    const agent = await bed.agent('shop', 'shop-1');
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    await inState(agent.session, WAITING);
    await laptop.depart(session);
    expect(await told(agent.session, (intercepts) => intercepts.length === 0)).toEqual([]);
  });

  it('keep the ids of before a restart, and agents what they had until the laptops are back', async () => {
    const { laptop } = await start({ settleMs: 60_000 });
    const agent = await bed.agent('shop', 'shop-1');
    const firstWord = told(agent.session, () => true);
    const formerId = '6f1c4c5e-6d3c-4a64-9f86-0a5f4b8f7a10';
    const headers = { 'telepresence-former-session': formerId };
    const identity = { name: 'you@desk', namespace: 'shop', product: desktopProduct };
    const session = await laptop.arriveAsClient(identity, { headers });
    expect(session.sessionId).toBe(formerId);
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    expect(await firstWord).toMatchObject([{ id: `${formerId}:shop`, disposition: WAITING }]);
    // What is left now is left, however new the traffic-manager is.
    await laptop.removeIntercept({ session, name: 'shop' });
    expect(await told(agent.session, (intercepts) => intercepts.length === 0)).toEqual([]);
    // One that is in use is nobody else's.
    expect((await laptop.arriveAsClient(identity, { headers })).sessionId).not.toBe(formerId);
  });

  it('are none at once for agents that a new traffic-manager has put into pods', async () => {
    const { laptop, session, injector } = await start({ settleMs: 60_000 });
    const arrived = Promise.withResolvers<TestAgent>();
    injector.onEnsure = async () => arrived.resolve(await bed.agent('shop', 'shop-1'));
    await laptop.prepareIntercept({ session, interceptSpec: { ...shop, portIdentifier: 'http', targetPort: 3000 } });
    expect(await told((await arrived.promise).session, () => true)).toEqual([]);
  });

  it('do not end for agents when the traffic-manager stops', async () => {
    const { laptop, session, manager } = await start();
    const agent = (await bed.agent('shop', 'shop-1')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    await inState(agent.session, ACTIVE);
    const seen: number[] = [];
    const isWatching = Promise.withResolvers<void>();
    const watching = (async () => {
      for await (const { intercepts } of laptop.watchIntercepts(agent.session)) {
        seen.push(intercepts.length);
        isWatching.resolve();
      }
    })().catch(() => undefined);
    await isWatching.promise;
    await manager.stop();
    await watching;
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  it('tell an agent that there are none once the laptops had the time to come back', async () => {
    await start({ settleMs: 50 });
    const agent = await bed.agent('shop', 'shop-1');
    expect(await told(agent.session, () => true)).toEqual([]);
  });

  it('are refused in the preparation with the nearest names, or the ports there are', async () => {
    const deployments = '/apis/apps/v1/namespaces/shop/deployments';
    const { laptop, session, injector } = await start({
      prepare: (api) => {
        for (const name of ['shop', 'shop-db', 'mail']) api.put(deployments, { metadata: { name, namespace: 'shop' } });
      },
    });
    expect(await laptop.prepareIntercept({ session, interceptSpec: { name: 'shpo' } })).toMatchObject({
      error: 'There is no Deployment, StatefulSet or ReplicaSet shpo in namespace shop\nDid you mean shop?',
      errorCategory: 1,
    });
    injector.put('shop', 'shop', 'http', 'admin');
    expect(await laptop.prepareIntercept({ session, interceptSpec: { name: 'shop' } })).toMatchObject({
      error: 'Deployment shop has more than one port that fits\nIts ports are: http; admin',
      errorCategory: 1,
    });
    const unknown = await failure(laptop.ensureAgent({ session, name: 'shop-' }));
    expect(unknown.code).toBe(Code.FailedPrecondition);
    expect(unknown.rawMessage).toContain('Did you mean shop, shop-db?');
    const nobody = await failure(laptop.prepareIntercept({ session: { sessionId: 'nobody' }, interceptSpec: shop }));
    expect(nobody.code).toBe(Code.NotFound);
    expect((await failure(laptop.createIntercept({ session, interceptSpec: shop }))).code).toBe(Code.InvalidArgument);
  });

  it('take the agent out again where it does not arrive in time', async () => {
    const { laptop, session, injector } = await start({ env: { AGENT_ARRIVAL_TIMEOUT: '50ms' } });
    const removed = new Promise<void>((resolve) => (injector.onRemoved = resolve));
    const prepared = await laptop.prepareIntercept({ session, interceptSpec: { ...shop, portIdentifier: 'http' } });
    expect(prepared.error).toContain('The traffic-agent of Deployment shop.shop did not arrive within 0.05 s');
    expect(prepared.errorCategory).toBe(3);
    await removed;
    expect(injector.removed).toEqual([{ namespace: 'shop', kind: 'Deployment', name: 'shop' }]);
  });

  it('put an agent into a workload for who only wants that', async () => {
    const { laptop, session, injector } = await start({
      prepare: (api) => api.put('/apis/apps/v1/namespaces/shop/statefulsets', { metadata: { name: 'db', namespace: 'shop' } }),
    });
    const seen: string[] = [];
    injector.onEnsure = async ({ kind, name }) => {
      seen.push(`${kind} ${name}`);
      await bed.agent('db', 'db-0');
    };
    await laptop.ensureAgent({ session, name: 'db' });
    expect(seen).toEqual(['StatefulSet db']);
  });

  it('stop the injection when the laptop gives up', async () => {
    const { laptop, session, injector } = await start();
    const stopped = new Promise<void>((resolve) => {
      injector.onEnsure = async (_target, signal) =>
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('given up'));
            resolve();
          });
          giveUp.abort();
        });
    });
    const giveUp = new AbortController();
    const call = laptop.prepareIntercept(
      { session, interceptSpec: { ...shop, portIdentifier: 'http' } },
      { signal: giveUp.signal },
    );
    expect((await failure(call)).code).toBe(Code.Canceled);
    await stopped;
    expect(injector.removed).toEqual([]);
  });

  it('are counted for Prometheus', async () => {
    const { laptop, session, manager } = await start();
    (await bed.agent('shop', 'shop-1')).work();
    await laptop.createIntercept({ session, interceptSpec: onPort(8080) });
    await inState(session, ACTIVE);
    expect(manager.metrics()).toContain('telepresence_active_intercept_count 1\n');
    expect(manager.metrics()).toContain('telepresence_agent_count 1\n');
  });
});
