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
