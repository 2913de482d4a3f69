import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Laptop } from '../laptop/laptop.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { connectRules, createOrdinaryUser, developRules, removeRights } from '../support/ordinary-user.ts';
import { Product } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

interface Versions {
  readonly client: string;
  readonly root_daemon?: string;
  readonly user_daemon?: string;
  readonly traffic_manager?: string;
  readonly traffic_agent?: string;
  readonly traffic_agents?: readonly { readonly workload: string; readonly namespace: string; readonly version: string }[];
}

/** The bed's laptop is an administrator's, the other one a developer's with the rights of an ordinary user. */
describe.skipIf(missing !== undefined)(titled('revoke', missing), () => {
  let bed: Bed;
  let laptop: Laptop;
  let developer: Product;
  let handler: Handler;
  const ask = async () => await askHttp(await bed.cluster.clusterIp(bed.world.namespace, 'web'), 80);

  beforeAll(async () => {
    bed = await createBed('revoke');
    laptop = await Laptop.create({ reaches: [bed.cluster.server.host] });
    developer = new Product(laptop);
    const rights = { [managerNamespace]: connectRules, [bed.world.namespace]: developRules };
    const user = await createOrdinaryUser(bed.cluster, `dev-${bed.world.namespace}`, bed.world.namespace, rights);
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...bed.context, user } }));
    handler = await startHandler(laptop, [8080], 'developer');
    await bed.product.connect();
    await developer.connect();
  });
  afterEach(async () => {
    await developer.run(['leave', 'web']);
  });
  afterAll(async () => {
    handler?.stop();
    await developer?.run(['quit', '--stop-daemons']);
    await laptop?.close();
    if (bed !== undefined) await removeRights(bed.cluster, `dev-${bed.world.namespace}`, managerNamespace);
    await bed?.close();
  });

  async function engage(): Promise<string> {
    const { id } = await developer.json<{ readonly id: string }>([
      'intercept',
      'web',
      '--port',
      '8080:http',
      '--detailed-output',
    ]);
    expect(await ask()).toBe('developer 8080 /x');
    return id;
  }

  /** The laptop whose intercept it was says so, until it is left; the cluster is as before. */
  async function isRevoked(): Promise<void> {
    await eventually('the workload answers itself', async () => expect(await ask()).toContain('"pod":"web-'), {
      timeoutMs: 5_000,
    });
    await eventually(
      'the laptop says what happened',
      async () => {
        const { stdout } = await developer.must(['list']);
        expect(stdout).toMatch(/State\s*: REMOVED: It was revoked by dev@/);
      },
      { timeoutMs: 5_000 },
    );
    await developer.must(['leave', 'web']);
    await eventually('the agents are known', async () => {
      expect((await developer.must(['list'])).stdout).toContain(
        'deployment web: ready to attach (traffic-agent already installed)',
      );
    });
    expect((await developer.status()).user_daemon.state).toBe('on');
  }

  it('ends an intercept of another laptop by its id, and that laptop tells who did it', async () => {
    const id = await engage();
    const { stdout } = await bed.product.must(['revoke', id]);
    expect(stdout).toMatch(/^Revoked web of dev@/m);
    await isRevoked();
    await engage();
  });

  it('ends the one that a conflict names, with the command that it names', async () => {
    await engage();
    const conflict = await bed.product.fails(['intercept', 'web', '--port', '8080:http']);
    expect(conflict.code).toBe('engagement.conflict');
    const command = conflict.remedies?.find((remedy) => remedy.command?.startsWith('telepresence revoke '))?.command ?? '';
    expect(command).toMatch(/^telepresence revoke dev@\S+:web$/);
    await bed.laptop.must(['sh', '-c', command]);
    await isRevoked();
    const annotations = (await bed.cluster.find('ConfigMap', 'traffic-manager', managerNamespace))?.metadata.annotations ?? {};
    expect(Object.keys(annotations).filter((name) => name.includes('revo'))).toEqual([]);
  });

  it('refuses a user without the right, names it, and leaves the intercept alone', async () => {
    const id = await engage();
    const failure = await developer.fails(['revoke', id]);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    expect(failure.words).toContain(`ConfigMap traffic-manager in namespace ${managerNamespace}`);
    expect(failure.words).toMatch(
      /kubectl --namespace \S+ create role \S+ --verb=get,update --resource=configmaps --resource-name=traffic-manager/,
    );
    expect(await ask()).toBe('developer 8080 /x');
  });

  it('says what is wrong with an id', async () => {
    expect(await bed.product.fails(['revoke', 'web'])).toMatchObject({ code: 'usage', exitCode: 2 });
    expect((await bed.product.fails(['revoke', 'nobody@nowhere:web'])).code).toBe('engagement.not-found');
  });

  it('shows the versions of all parts, those of the agents in the pods too', async () => {
    await engage();
    const versions = await bed.product.json<Versions>(['version']);
    for (const part of ['client', 'root_daemon', 'user_daemon'] as const) expect(versions[part]).toBe(versions.client);
    const { traffic_manager: manager } = (await bed.product.status()) as {
      readonly traffic_manager?: { readonly version: string };
    };
    expect(versions.traffic_manager).toBe(manager?.version);
    expect(versions.traffic_agent).toMatch(/\S+:\S+/);
    expect(versions.traffic_agents).toContainEqual({
      workload: 'web',
      namespace: bed.world.namespace,
      version: expect.stringContaining(versions.client.replace('v', '')) as unknown,
    });
    const { stdout } = await bed.product.must(['version']);
    expect(stdout).toMatch(
      /^Client +: v\S+\nRoot Daemon +: v\S+\nUser Daemon +: v\S+\nTraffic Manager: \S+\nTraffic Agent +: \S+\n/,
    );
    expect(stdout).toContain(`web.${bed.world.namespace}: `);
  });
});
