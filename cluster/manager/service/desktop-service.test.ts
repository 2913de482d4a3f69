import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { InterceptDispositionType, type InterceptInfo, type SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import type { InjectionTarget } from '../intercepts/workload-injector.ts';
import { TestManager } from '../test-manager.ts';

const { ACTIVE, REMOVED } = InterceptDispositionType;
const target = (namespace: string, name: string): InjectionTarget => ({ namespace, kind: 'Deployment', name });

describe('removing agents', () => {
  let bed: TestManager;
  let desktop: Client<typeof Desktop>;

  beforeEach(async () => {
    bed = await TestManager.start({
      prepare: (api) => {
        for (const name of ['shop', 'cart', 'plain'])
          api.put('/apis/apps/v1/namespaces/shop/deployments', { metadata: { name, namespace: 'shop' } });
      },
    });
    bed.injector.injected = [target('shop', 'shop'), target('shop', 'cart'), target('other', 'shop')];
    desktop = createClient(Desktop, createGrpcTransport({ baseUrl: bed.url, sessionManager: bed.transport }));
  });
  afterEach(async () => await bed.stop());

  const failure = async (call: Promise<unknown>) =>
    await call.then(
      () => Promise.reject(new Error('the call succeeded')),
      (error: unknown) => ConnectError.from(error),
    );
  const names = (removed: readonly { readonly name: string; readonly namespace: string }[]) =>
    removed.map(({ name, namespace }) => `${name}.${namespace}`);

  /** An intercept that an agent serves. */
  const intercept = async (session: SessionInfo, name: string) => {
    await bed.laptop.createIntercept({
      session,
      interceptSpec: { name, agent: name, namespace: 'shop', containerPort: 8080, protocol: 'TCP', targetPort: 3000 },
    });
    return await told(session, name, ACTIVE);
  };
  const told = async (session: SessionInfo, name: string, state: InterceptDispositionType): Promise<InterceptInfo> => {
    for await (const { intercepts } of bed.laptop.watchIntercepts(session)) {
      const found = intercepts.find(({ spec, disposition }) => spec?.name === name && disposition === state);
      if (found !== undefined) return found;
    }
    throw new Error('the stream ended');
  };

  it('takes them out of the named workloads of the own namespace, and ends their intercepts first, whoever has them', async () => {
    (await bed.agent('shop', 'shop-1')).work();
    (await bed.agent('cart', 'cart-1')).work();
    const other = await bed.arrive('other@laptop');
    await intercept(other, 'shop');
    await intercept(bed.session, 'cart');
    const { promise: endedBefore, resolve } = Promise.withResolvers<InterceptInfo>();
    bed.injector.onRemoved = () => void bed.laptop.getIntercept({ session: other, name: 'shop' }).then(resolve);
    const { removed } = await desktop.removeAgents({ session: bed.session, workloads: ['shop', 'shop', 'plain'] });
    expect(names(removed)).toEqual(['shop.shop']);
    expect(bed.injector.removed).toEqual([target('shop', 'shop')]);
    const ended = await endedBefore;
    expect(ended.disposition).toBe(REMOVED);
    expect(ended.message).toBe('me@laptop has had the traffic-agents of shop.shop removed');
    expect(await bed.laptop.getIntercept({ session: bed.session, name: 'cart' })).toMatchObject({ disposition: ACTIVE });
  });

  it('takes them out of every workload, for a laptop and for an uninstaller without a session', async () => {
    expect(names((await desktop.removeAgents({ session: bed.session, all: true })).removed)).toEqual([
      'shop.shop',
      'cart.shop',
      'shop.other',
    ]);
    bed.injector.injected = [target('other', 'shop')];
    expect(names((await desktop.removeAgents({ all: true })).removed)).toEqual(['shop.other']);
    expect((await desktop.removeAgents({ all: true })).removed).toEqual([]);
  });

  it('removes nothing where a name is wrong, or nothing is named', async () => {
    const { session } = bed;
    const unknown = await failure(desktop.removeAgents({ session, workloads: ['shop', 'shpo'] }));
    expect(unknown.rawMessage).toBe('There is no workload shpo in namespace shop\nDid you mean shop?');
    expect((await failure(desktop.removeAgents({ session }))).code).toBe(Code.InvalidArgument);
    expect((await failure(desktop.removeAgents({ session, workloads: ['shop'], all: true }))).code).toBe(Code.InvalidArgument);
    expect((await failure(desktop.removeAgents({ workloads: ['shop'] }))).code).toBe(Code.NotFound);
    const agent = await bed.agent('shop', 'shop-1');
    expect((await failure(desktop.removeAgents({ session: agent.session, all: true }))).code).toBe(Code.PermissionDenied);
    expect(bed.injector.removed).toEqual([]);
  });
});

describe('planning and revoking', () => {
  let bed: TestManager;
  let desktop: Client<typeof Desktop>;
  const configMaps = '/api/v1/namespaces/ambassador/configmaps';
  const id = () => `${bed.session.sessionId}:shop`;

  beforeEach(async () => {
    bed = await TestManager.start();
    bed.injector.put('shop', 'shop', 'http');
    desktop = createClient(Desktop, createGrpcTransport({ baseUrl: bed.url, sessionManager: bed.transport }));
    await bed.laptop.createIntercept({
      session: bed.session,
      interceptSpec: { name: 'shop', agent: 'shop', namespace: 'shop', containerPort: 8080, protocol: 'TCP', targetPort: 3000 },
    });
  });
  afterEach(async () => await bed.stop());

  it('finds the port and who has it, and leaves pods as they are', async () => {
    bed.injector.onEnsure = () => Promise.reject(new Error('pods were touched'));
    const session = await bed.arrive('other@laptop');
    const { prepared, conflicts, workload } = await desktop.planIntercept({
      session,
      interceptSpec: { name: 'mine', agent: 'shop' },
    });
    expect({ ...prepared }).toMatchObject({ containerPort: 8080, servicePortName: 'http', workloadKind: 'Deployment' });
    expect(workload).toBe('shop');
    expect(conflicts).toMatchObject([
      { owner: 'me@laptop', message: expect.stringContaining('is intercepted by me on laptop') as string },
    ]);
    const own = await desktop.planIntercept({ session: bed.session, interceptSpec: { name: 'shop', agent: 'shop' } });
    expect(own.conflicts).toEqual([]);
    const unknown = desktop.planIntercept({ session, interceptSpec: { name: 'none' } });
    await expect(unknown).rejects.toMatchObject({ code: Code.FailedPrecondition });
  });

  it('ends an intercept for who could write into the ConfigMap, and for nobody else', async () => {
    const session = await bed.arrive('admin@office');
    const nonce = 'a'.repeat(32);
    const revoke = (request: { id?: string; nonce?: string } = {}) =>
      desktop.revokeIntercept({ session, id: id(), nonce, ...request });
    await expect(revoke()).rejects.toThrow('Only who may change the ConfigMap');
    const annotations = { 'telepresence.io/revocation': `${id()} ${nonce}` };
    const metadata = { name: 'traffic-manager', namespace: 'ambassador', annotations };
    bed.api.put(configMaps, { metadata });
    await expect(revoke({ nonce: 'b'.repeat(32) })).rejects.toThrow('Only who may change the ConfigMap');
    await expect(revoke({ id: `${session.sessionId}:shop` })).rejects.toThrow('Only who may change the ConfigMap');
    expect((await revoke()).owner).toBe('me@laptop');
    const { disposition, message } = await bed.laptop.getIntercept({ session: bed.session, name: 'shop' });
    expect([disposition, message]).toEqual([REMOVED, 'It was revoked by admin@office']);
    await expect(revoke()).rejects.toMatchObject({ code: Code.NotFound });
  });

  it('knows an intercept of somebody else by owner and name', async () => {
    const session = await bed.arrive('admin@office');
    const nonce = 'c'.repeat(32);
    const metadata = {
      name: 'traffic-manager',
      namespace: 'ambassador',
      annotations: { 'telepresence.io/revocation': `me@laptop:shop ${nonce}` },
    };
    bed.api.put(configMaps, { metadata });
    expect((await desktop.revokeIntercept({ session, id: 'me@laptop:shop', nonce })).owner).toBe('me@laptop');
    expect((await bed.laptop.getIntercept({ session: bed.session, name: 'shop' })).disposition).toBe(REMOVED);
  });
});

describe('callers of agents', () => {
  it('are laptops of its namespace, and those that intercept its workload', async () => {
    const bed = await TestManager.start();
    try {
      const desktop = createClient(Desktop, createGrpcTransport({ baseUrl: bed.url, sessionManager: bed.transport }));
      const agent = (await bed.agent('shop', 'shop-1')).work();
      const isAllowed = async (caller: string) => (await desktop.checkCaller({ session: agent.session, caller })).allowed;
      expect(await isAllowed(bed.session.sessionId)).toBe(true);
      expect(await isAllowed('somebody')).toBe(false);
      expect(await isAllowed(agent.session.sessionId)).toBe(false);
      const other = await bed.arrive('other', { namespace: 'elsewhere' });
      expect(await isAllowed(other.sessionId)).toBe(false);
      const interceptSpec = {
        name: 'shop',
        agent: 'shop',
        namespace: 'shop',
        containerPort: 8080,
        protocol: 'TCP',
        targetPort: 3000,
      };
      await bed.laptop.createIntercept({ session: other, interceptSpec });
      expect(await isAllowed(other.sessionId)).toBe(true);
      await bed.laptop.depart(other);
      expect(await isAllowed(other.sessionId)).toBe(false);
      const asked = desktop.checkCaller({ session: bed.session, caller: other.sessionId });
      await expect(asked).rejects.toMatchObject({ code: Code.PermissionDenied });
    } finally {
      await bed.stop();
    }
  });
});
