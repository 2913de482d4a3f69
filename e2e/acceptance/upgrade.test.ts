import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import { agentConfigAnnotation } from '#protocol/agent/agent-config.ts';
import { agentContainer, livePods } from '../support/agent-pods.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import type { Pod } from '../support/objects.ts';
import { bringOtherVersion, otherVersion } from '../support/other-version.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { SteadyTraffic } from '../support/steady-traffic.ts';
import { deployTwoPodShop } from '../workloads/two-pod-shop.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

/** How long one caller may wait while the traffic-manager is replaced. */
const longestMs = 6_000;

interface Versions {
  readonly client: string;
  readonly traffic_manager: string;
  readonly traffic_agent: string;
  readonly traffic_agents?: readonly { readonly workload: string; readonly version: string }[];
}

/** A traffic-manager of another version comes and goes while agents are in place and an intercept is in use. */
describe.skipIf(missing !== undefined)(titled('upgrade', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  let traffic: SteadyTraffic;
  let host = '';

  beforeAll(async () => {
    bed = await createBed('upgrade', { isWorldEmpty: true });
    const { cluster, world, product, laptop } = bed;
    await bringOtherVersion();
    await upgrade(otherVersion);
    await deployTwoPodShop(cluster, world.namespace);
    handler = await startHandler(laptop, [8080]);
    await product.connect();
    await product.must(['intercept', 'shop', '--port', '8080:http']);
    host = await cluster.clusterIp(world.namespace, 'shop');
  });
  beforeEach(async () => {
    traffic = new SteadyTraffic(host, 80);
    await traffic.waitFor('laptop', 10_000);
  });
  afterEach(async () => {
    await traffic.end();
  });
  afterAll(async () => {
    handler?.stop();
    try {
      await bed?.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values']);
    } finally {
      await bed?.close();
    }
  });

  async function upgrade(version: string): Promise<void> {
    const values = version === productVersion ? [] : ['--set', `image.tag=${version}`];
    await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values', ...values]);
  }

  async function versions(): Promise<Versions> {
    return await bed.product.json<Versions>(['version']);
  }

  /** Of the agents in the pods of `shop`, as `version` shows them. */
  async function agentVersions(): Promise<readonly string[]> {
    const { traffic_agents: agents = [] } = await versions();
    return agents.map(({ version }) => version.replace(/^.*\+desktop\./, '')).toSorted();
  }

  async function pods(): Promise<readonly Pod[]> {
    return await livePods(bed.cluster, bed.world.namespace, 'shop');
  }

  function agentTags(of: readonly Pod[]): readonly string[] {
    const images = of.map(({ spec }) => spec.containers.find(({ name }) => name === agentContainer)?.image ?? 'none');
    return images.map((image) => image.replace(/^.*:/, '')).toSorted();
  }

  /** Callers were served by the laptop all the time, each of them within a moment. */
  async function isNotNoticed(what: string): Promise<void> {
    await traffic.waitFor('laptop', 30_000, 20);
    const report = await traffic.end();
    console.log(`${what}: ${report.text}`);
    expect(report.byNobody).toBe(0);
    expect(report.longestMs).toBeLessThan(longestMs);
  }

  async function isIntercepted(): Promise<void> {
    expect((await bed.product.must(['list'])).stdout).toMatch(/shop: intercepted[\s\S]*State\s*: ACTIVE/);
  }

  it('begins with parts of two versions, and says so', async () => {
    const { client, traffic_manager, traffic_agent } = await versions();
    expect(client).toBe(`v${productVersion}`);
    expect(traffic_manager).toContain(otherVersion);
    expect(traffic_agent).toMatch(new RegExp(`:${otherVersion.replaceAll('.', '\\.')}$`));
    expect(await agentVersions()).toEqual([otherVersion]);
    const doctor = await bed.product.must(['doctor', 'manager']);
    expect(doctor.stdout).toMatch(new RegExp(`warn .*${otherVersion}.*\\n.*telepresence helm upgrade`));
    await isIntercepted();
  });

  it('keeps agents of the former version in their pods, and the intercept in use', async () => {
    const before = await pods();
    await upgrade(productVersion);
    await bed.product.waitForState('on', 30_000);
    await eventually('agents have come over', async () => expect(await agentVersions()).toEqual([otherVersion]));
    const { traffic_manager, traffic_agent } = await versions();
    expect(traffic_manager).toContain(productVersion);
    expect(traffic_agent).toMatch(new RegExp(`:${productVersion.replaceAll('.', '\\.')}$`));
    const uids = (of: readonly Pod[]) => new Set(of.map(({ metadata }) => metadata.uid));
    expect(uids(await pods())).toEqual(uids(before));
    await isIntercepted();
    await isNotNoticed('upgrade');
  });

  it('gives pods that are made afterwards the new agent, beside former ones', async () => {
    const [pod] = await pods();
    await bed.cluster.delete('Pod', pod?.metadata.name ?? '', bed.world.namespace);
    await eventually('another pod is there', async () =>
      expect(agentTags(await bed.cluster.readyPods(bed.world.namespace, 'shop', 2))).toEqual([otherVersion, productVersion]),
    );
    await eventually('both are known', async () => expect(await agentVersions()).toEqual([otherVersion, productVersion]));
    await traffic.waitFor('laptop', 10_000, 20);
    await bed.product.must(['leave', 'shop']);
    await traffic.waitFor('app', 10_000);
    await bed.product.must(['intercept', 'shop', '--port', '8080:http']);
    await traffic.waitFor('laptop', 10_000, 20);
    expect(agentTags(await pods())).toEqual([otherVersion, productVersion]);
  });

  it('replaces agents whose configuration it cannot read, when the workload is intercepted again', async () => {
    for (const { metadata } of await pods()) {
      await bed.cluster.kube.request({
        method: 'PATCH',
        path: `/api/v1/namespaces/${bed.world.namespace}/pods/${metadata.name}`,
        contentType: 'application/merge-patch+json',
        body: { metadata: { annotations: { [agentConfigAnnotation]: '{"of":"another time"}' } } },
      });
    }
    await isIntercepted();
    await bed.product.must(['leave', 'shop']);
    await bed.product.must(['intercept', 'shop', '--port', '8080:http']);
    expect(agentTags(await pods())).toEqual([productVersion, productVersion]);
  });

  it('goes back to the former version in the same way', async () => {
    await upgrade(otherVersion);
    await bed.product.waitForState('on', 30_000);
    await eventually('agents have come over', async () => expect(await agentVersions()).toEqual([productVersion]));
    await isIntercepted();
    await isNotNoticed('downgrade');
  });
});
