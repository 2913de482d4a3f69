import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasAgent, livePods } from '../support/agent-pods.ts';
import { missingForOutage, withoutApiServer } from '../support/api-server-outage.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { productProcesses } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { SteadyTraffic, type TrafficReport } from '../support/steady-traffic.ts';
import { deployTwoPodShop } from '../workloads/two-pod-shop.ts';

const missing = missingForProduct();

/** How long one caller may wait for a laptop that is gone: the dial time-out of an intercept, and the way there. */
const detectionMs = 6_000;

/** After that without a word from the laptop nobody waits for it at all. */
const leaseMs = 20_000;

const recoveryMs = 30_000;

/** What callers in the cluster see of faults while their requests go to a laptop. */
describe.skipIf(missing !== undefined)(titled('intercept-faults', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  let host: string;
  let traffic: SteadyTraffic | undefined;

  beforeAll(async () => {
    bed = await createBed('intercept-faults', { isWorldEmpty: true, hasRelay: true });
    const { cluster, world, laptop } = bed;
    await deployTwoPodShop(cluster, world.namespace);
    host = await cluster.clusterIp(world.namespace, 'shop');
    handler = await startHandler(laptop, [8080]);
  });
  beforeEach(async () => {
    await bed.product.connect();
    await bed.product.run(['leave', 'shop']);
    await bed.product.must(['intercept', 'shop', '--port', '8080:http']);
    traffic = new SteadyTraffic(host, 80);
    await traffic.waitFor('laptop', 10_000);
  });
  afterEach(async () => {
    await traffic?.end();
    await bed.relay.heal();
    await bed.laptop.thaw();
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  async function seen(what: string): Promise<TrafficReport> {
    if (traffic === undefined) throw new Error('there is no traffic');
    const report = await traffic.end();
    console.log(`${what}: ${report.text}`);
    return report;
  }

  it('goes on by itself when the traffic-manager is killed', async () => {
    const pods = await bed.cluster.pods(settings.managerNamespace, 'app=traffic-manager');
    for (const { metadata } of pods) await bed.cluster.delete('Pod', metadata.name, settings.managerNamespace, 0);
    await sleep(2_000);
    await traffic?.waitFor('laptop', recoveryMs, 20);
    const report = await seen('traffic-manager killed');
    expect(report.longestMs).toBeLessThan(detectionMs);
    expect(report.outageMs).toBeLessThan(detectionMs);
  });

  it('gives an agent to pods that were made while nobody answered the webhook', async () => {
    const { cluster, world } = bed;
    const scale = async (namespace: string, name: string, replicas: number) => {
      await cluster.kube.request({
        method: 'PATCH',
        path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas } },
      });
    };
    await scale(settings.managerNamespace, 'traffic-manager', 0);
    try {
      await eventually('there is no traffic-manager', async () => {
        // One that is ending still answers the webhook.
        expect(await cluster.pods(settings.managerNamespace, 'app=traffic-manager')).toEqual([]);
      });
      await scale(world.namespace, 'shop', 3);
      await cluster.readyPods(world.namespace, 'shop', 3);
      expect((await livePods(cluster, world.namespace, 'shop')).filter(hasAgent)).toHaveLength(2);
    } finally {
      await scale(settings.managerNamespace, 'traffic-manager', 1);
    }
    await eventually(
      'all have one',
      async () => expect((await livePods(cluster, world.namespace, 'shop')).map(hasAgent)).toEqual([true, true, true]),
      { timeoutMs: 2 * recoveryMs },
    );
    await traffic?.waitFor('laptop', recoveryMs, 30);
    const report = await seen('pods made without a webhook');
    expect(report.byNobody).toBeLessThan(5);
    await scale(world.namespace, 'shop', 2);
  });

  it("goes on by itself when an agent's pod is deleted", async () => {
    const [pod] = await bed.cluster.readyPods(bed.world.namespace, 'shop', 2);
    await bed.cluster.delete('Pod', pod?.metadata.name ?? '', bed.world.namespace);
    await sleep(1_000);
    await bed.cluster.readyPods(bed.world.namespace, 'shop', 2);
    await traffic?.waitFor('laptop', recoveryMs, 20);
    const report = await seen("agent's pod deleted");
    expect(report.byNobody).toBeLessThan(5);
    expect(report.longestMs).toBeLessThan(detectionMs);
  });

  it('gives callers the app when the daemon is killed, and takes them on again with the next', async () => {
    expect(await bed.laptop.signal('SIGKILL', productProcesses.daemon)).toBeGreaterThan(0);
    await traffic?.waitFor('app', detectionMs * 2);
    await bed.product.connect();
    await traffic?.waitFor('laptop', recoveryMs, 20);
    const report = await seen('daemon killed');
    expect(report.outageMs).toBeLessThan(detectionMs);
    expect(report.longestMs).toBeLessThan(detectionMs);
    expect((await bed.product.must(['list'])).stdout).toContain('shop: intercepted');
  });

  it('gives callers the app while the laptop sleeps, and takes them on again when it wakes', async () => {
    await bed.laptop.freeze();
    await traffic?.waitFor('app', detectionMs * 2);
    await sleep(settings.isBrief ? 2_000 : 60_000);
    await bed.laptop.thaw();
    await traffic?.waitFor('laptop', recoveryMs, 20);
    const report = await seen('laptop asleep');
    // What is with the laptop when it falls asleep is lost.
    expect(report.byNobody).toBeLessThan(3);
    expect(report.longestMs).toBeLessThan(detectionMs);
  });

  it('gives callers the app while the API server is away, and takes them on again when it is back', async () => {
    await bed.relay.refuse();
    await traffic?.waitFor('app', detectionMs * 2);
    await sleep(settings.isBrief ? 5_000 : 20_000);
    await bed.relay.heal();
    await traffic?.waitFor('laptop', recoveryMs, 20);
    const report = await seen('API server away');
    expect(report.outageMs).toBeLessThan(1_000);
    expect(report.longestMs).toBeLessThan(detectionMs);
  });

  const withoutOutage = missingForOutage();
  it.skipIf(withoutOutage !== undefined)(
    titled('serves callers while the whole cluster is without its API server for 20 s', withoutOutage),
    { timeout: 180_000 },
    async () => {
      await withoutApiServer(20_000);
      await traffic?.waitFor('laptop', 2 * recoveryMs, 20);
      const report = await seen('API server of the cluster away');
      expect(report.outageMs).toBeLessThan(detectionMs);
      expect(report.longestMs).toBeLessThan(detectionMs);
    },
  );

  it('gives the Service back when the laptop has vanished without a word', async () => {
    bed.relay.blackhole();
    await bed.laptop.signal('SIGKILL', productProcesses.daemon);
    await traffic?.waitFor('app', detectionMs * 2);
    await sleep(leaseMs);
    await traffic?.waitFor('app', 3_000, 20);
    const report = await seen('laptop vanished');
    expect(report.byNobody).toBe(0);
    expect(report.longestMs).toBeLessThan(detectionMs);
    const late = report.answers.filter(({ atMs }) => atMs > leaseMs + detectionMs);
    expect(Math.max(...late.map(({ tookMs }) => tookMs))).toBeLessThan(1_000);
  });
});
