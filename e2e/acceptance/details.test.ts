import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { DaemonState, WorkloadDetails } from '#protocol/local-api/model.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { Following, followState, type OpenedApi, openApi } from '../support/local-api.ts';
import { connectOtherUser, type OtherUser } from '../support/other-user.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

/** What the window knows of contexts and workloads, before anything is done to them. */
describe.skipIf(missing !== undefined)(titled('details', missing), () => {
  let bed: Bed;
  let client: OpenedApi;
  let other: OtherUser;

  beforeAll(async () => {
    bed = await createBed('details');
    await bed.product.quit();
    await bed.product.connect();
    client = await openApi(bed.laptop);
    other = await connectOtherUser(bed);
  });
  afterAll(async () => {
    client?.kill();
    await other?.close();
    await bed?.close();
  });

  async function scale(kind: 'deployments' | 'statefulsets', name: string, replicas: number): Promise<void> {
    await bed.cluster.kube.request({
      method: 'PATCH',
      path: `/apis/apps/v1/namespaces/${bed.world.namespace}/${kind}/${name}/scale`,
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas } },
    });
  }

  /** Details as a window would have them: the snapshot, and what changed after it. */
  function watch({ api }: OpenedApi) {
    const all = new Map<string, WorkloadDetails>();
    const apply = (event: CallEvent<'watchWorkloadDetails'>) => {
      if (event.kind === 'removed') all.delete(event.key);
      else if (event.kind === 'changed') all.set(event.key, event.details);
      else for (const [key, details] of Object.entries(event.details)) all.set(key, details);
    };
    const following = new Following<CallEvent<'watchWorkloadDetails'>>((options) =>
      api.subscribe(
        'watchWorkloadDetails',
        {},
        {
          ...options,
          onEvent: (event) => {
            options.onEvent(event);
            apply(event);
          },
        },
      ),
    );
    return { following, of: (kind: string, name: string) => all.get(`${kind}/${name}.${bed.world.namespace}`) };
  }

  it('shows what a workload is made of, and counts of pods that follow its scale', async () => {
    const { following, of } = watch(client);
    await eventually('a snapshot arrives', () => expect(following.events[0]).toMatchObject({ kind: 'snapshot' }));
    expect(of('Deployment', 'web')).toMatchObject({
      desired: 2,
      ready: 2,
      containers: [
        {
          name: 'web',
          image: expect.stringContaining('node') as unknown,
          ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        },
      ],
      services: [
        {
          name: 'web',
          ports: [
            { name: 'http', port: 80, targetPort: 'http' },
            { name: 'closed', port: 81, targetPort: '8999' },
          ],
        },
      ],
      pods: bed.world.webPods.map(() => ({ phase: 'Running', ready: true })),
    });
    expect(of('StatefulSet', 'store')).toMatchObject({ desired: 2, services: [{ name: 'store' }] });
    await scale('deployments', 'web', 1);
    await eventually('one is left', () => {
      expect(of('Deployment', 'web')).toMatchObject({ desired: 1, ready: 1, pods: [{ ready: true }] });
    });
    await scale('deployments', 'web', 2);
    await eventually('one is on its way', () => expect(of('Deployment', 'web')).toMatchObject({ desired: 2, ready: 1 }), {
      intervalMs: 20,
    });
    await eventually('there are two', () => expect(of('Deployment', 'web')).toMatchObject({ ready: 2 }));
    await bed.cluster.readyPods(bed.world.namespace, 'web', 2);
    following.stop();
    expect(await following.ended).toBeUndefined();
  });

  it('says which rights are missing for it, as long as somebody looks', async () => {
    const states: DaemonState[] = [];
    followState(other.client.api, (state) => states.push(state));
    const { following } = watch(other.client);
    await eventually('a snapshot arrives', () => expect(following.events[0]).toMatchObject({ kind: 'snapshot' }));
    await eventually('a condition says so', () => {
      const condition = Object.values(states.at(-1)?.health ?? {}).find(({ code }) => code === 'workloads.forbidden');
      expect(condition?.message).toMatch(/may not list .*deployments.* in namespace/);
    });
    following.stop();
    await eventually('nobody needs it any more', () => expect(states.at(-1)?.health).toEqual({}));
  });

  it('tells how a context looks, whatever it looks like', async () => {
    const { laptop, context, world } = bed;
    const closed = { ...context, cluster: { ...context.cluster, server: 'https://127.0.0.1:1' } };
    await laptop.writeFile('contexts', kubeconfigText({ good: context, closed, other: { ...context, user: other.user } }));
    const probe = async (name: string, managerNamespaceOf = managerNamespace) =>
      await client.api.call('probeContext', {
        kubeFlags: { kubeconfig: `${laptop.home}/contexts`, context: name },
        managerNamespace: managerNamespaceOf,
      });
    const { traffic_manager: manager } = await bed.product.status();
    const good = await probe('good');
    expect(good).toMatchObject({
      context: 'good',
      namespace: world.namespace,
      server: context.cluster.server,
      serverVersion: expect.stringMatching(/^v1\./) as unknown,
      roundTripMs: expect.any(Number) as unknown,
      manager: { kind: 'ready', namespace: managerNamespace, version: expect.any(String) as unknown },
      mayInstall: true,
    });
    expect(manager?.version).toContain(good.manager.kind === 'ready' ? good.manager.version : '');
    expect(good.namespaces).toContain(world.namespace);
    expect((await probe('good', world.namespace)).manager).toEqual({ kind: 'none' });
    expect(await probe('closed')).toMatchObject({
      server: 'https://127.0.0.1:1',
      error: { code: 'cluster.unreachable' },
      mayInstall: false,
    });
    expect(await probe('other')).toMatchObject({ manager: { kind: 'ready' }, namespaces: [], mayInstall: false });
    expect(await probe('none')).toMatchObject({ error: { code: expect.stringMatching(/^kubeconfig\./) as unknown } });
  });
});
