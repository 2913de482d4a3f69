import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { startHandler } from '../support/handler.ts';
import { type OpenedApi, openApi } from '../support/local-api.ts';
import { connectRules } from '../support/ordinary-user.ts';
import { connectOtherUser, type OtherUser } from '../support/other-user.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;
const toWeb: InterceptRequest = { name: 'web', ports: [{ laptopPort: 8080, identifier: 'http' }], toPod: [] };

/** What an intercept would do, told before it is done. */
describe.skipIf(missing !== undefined)(titled('plans', missing), () => {
  let bed: Bed;
  let client: OpenedApi;
  let other: OtherUser;

  beforeAll(async () => {
    bed = await createBed('plans');
    await bed.product.quit();
    await bed.product.connect();
    client = await openApi(bed.laptop);
    other = await connectOtherUser(bed);
  });
  afterEach(async () => {
    await bed.product.run(['leave', 'my-web']);
    await other.product.run(['leave', 'web']);
  });
  afterAll(async () => {
    client?.kill();
    await other?.close();
    await bed?.close();
  });

  const plan = async (request: InterceptRequest, { api }: OpenedApi = client): Promise<CallOutput<'planIntercept'>> =>
    await api.call('planIntercept', { request });

  it('plans an intercept: pods that restart, rights, a command line that does it', async () => {
    const pods = await bed.cluster.readyPods(bed.world.namespace, 'web', 2);
    const found = await plan({ ...toWeb, name: 'my-web', workload: 'web' });
    expect(found).toMatchObject({
      workload: 'web',
      workloadKind: 'Deployment',
      namespace: bed.world.namespace,
      container: 'web',
      ports: [{ laptopPort: 8080, containerPort: 8080, protocol: 'TCP', identifier: 'http', service: { name: 'web', port: 80 } }],
      conflicts: [],
      warnings: ['Nothing listens on 127.0.0.1:8080 yet'],
    });
    expect(found.error).toBeUndefined();
    expect(found.restarts.toSorted()).toEqual(pods.map(({ metadata }) => metadata.name).toSorted());
    expect(found.rights.map(({ allowed }) => allowed)).toEqual([true, true, true, true]);
    expect(found.yaml).toContain('name: my-web\nworkload: web\nworkload_kind: Deployment\n');
    const handler = await startHandler(bed.laptop, [8080]);
    await bed.laptop.must(['sh', '-c', found.commandLine]);
    expect(await askHttp(await bed.cluster.clusterIp(bed.world.namespace, 'web'), 80)).toBe('laptop 8080 /x');
    const again = await plan({ ...toWeb, name: 'my-web', workload: 'web' });
    expect(again).toMatchObject({ restarts: [], conflicts: [], warnings: [] });
    expect(await client.api.call('checkLaptopPort', { port: 8080 })).toMatchObject({
      listening: true,
      engagement: 'my-web',
      process: { name: 'node' },
    });
    await bed.product.must(['leave', 'my-web']);
    handler.stop();
  });

  it('plans what would fail, with the reason', async () => {
    expect((await plan({ ...toWeb, name: 'wob' })).error).toMatchObject({ code: 'workload.not-found' });
    const ambiguous = await plan({ name: 'streams', ports: [{ laptopPort: 8080 }], toPod: [] });
    expect(JSON.stringify(ambiguous.error)).toMatch(/control[^]*echo/);
    expect(ambiguous.restarts).toHaveLength(1);
  });

  it('names who is in the way, and rights that are missing', async () => {
    await other.product.must(['intercept', 'web', '--port', '8080:http']);
    const [conflict, ...more] = (await plan(toWeb)).conflicts;
    expect(more).toEqual([]);
    expect(conflict).toMatchObject({
      owner: expect.stringMatching(/^dev@/) as unknown,
      port: '8080/TCP',
      since: expect.stringMatching(/^\d{4}-/) as unknown,
    });
    expect((await plan(toWeb, other.client)).conflicts, 'of oneself').toEqual([]);
    await other.product.must(['leave', 'web']);

    // Other workloads have no agent: whether they restart is for those to know who may see pods.
    const blind = await plan({ ...toWeb, name: 'store', ports: [{ laptopPort: 8080 }] }, other.client);
    expect(blind).toMatchObject({ workloadKind: 'StatefulSet', restarts: [] });
    expect(blind.warnings.join()).toMatch(/may not list pods/);
    // The straight way to the agents is not for everybody.
    expect(blind.rights.map(({ allowed, withoutIt }) => [allowed, withoutIt])).toEqual([
      [true, 'cannot-reconnect'],
      [true, 'cannot-reconnect'],
      [true, 'cannot-reconnect'],
      [false, 'slower'],
    ]);
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: other.name, namespace: managerNamespace },
    };
    const rules = connectRules.filter(({ resources }) => !resources.includes('pods'));
    await bed.cluster.apply([{ ...role, rules }]);
    await eventually(
      'the right is missing',
      async () => {
        const { rights } = await plan(toWeb, other.client);
        expect(rights).toContainEqual(
          expect.objectContaining({ verb: 'list', resource: 'pods', namespace: managerNamespace, allowed: false }),
        );
        // Rights are asked for once a minute.
      },
      { timeoutMs: 75_000 },
    );
    await bed.cluster.apply([{ ...role, rules: connectRules }]);
  });
});
