import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { askDns, runClient, tryConnect } from '../support/client-program.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { startHandler } from '../support/handler.ts';
import { settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';
import { streamPorts } from '../workloads/world.ts';
import { missingForStockClient, missingForStockManager, StockClient, stockNamespace } from './stock-peer.ts';

const withoutManager = missingForStockManager();
const withoutClient = missingForStockClient();

const bulkBytes = 100 * 2 ** 20;
const idleMs = settings.isFull ? 300_000 : 30_000;
/** The stock traffic-manager takes 250 streams on one HTTP/2 connection. */
const manyConnections = 1_000;
const workloads = ['store', 'streams', 'web'];

const streamsHost = ({ world }: Bed) => `streams.${world.namespace}`;

async function reachesServicesAndPods({ laptop, world }: Bed): Promise<void> {
  expect((await curl(laptop, `http://web.${world.namespace}`)).pod).toMatch(/^web-/);
  expect((await curl(laptop, 'http://web')).pod).toMatch(/^web-/);
  expect((await curl(laptop, `http://store-0.store.${world.namespace}:8080`)).pod).toBe('store-0');
}

async function resolvesNames({ laptop, world, cluster }: Bed): Promise<void> {
  const name = `web.${world.namespace}.svc.cluster.local`;
  const replies = await askDns(laptop, name, 'A', 'AAAA', 'SRV');
  expect(replies.map(({ rcode }) => rcode)).toEqual(['NOERROR', 'NOERROR', 'NOERROR']);
  expect(replies[0]?.answers.map(({ data }) => data)).toEqual([await cluster.clusterIp(world.namespace, 'web')]);
  expect(replies[2]?.answers).toHaveLength(2);
  expect((await askDns(laptop, `nothing.${world.namespace}.svc.cluster.local`, 'A'))[0]?.rcode).toBe('NXDOMAIN');
}

async function carriesDatagrams(bed: Bed): Promise<void> {
  expect(await runClient(bed.laptop, 'udp-echo', [streamsHost(bed), streamPorts.echo, 20, 500])).toEqual({ sent: 20, equal: 20 });
}

async function carriesBulk(bed: Bed, direction: 'upload' | 'download'): Promise<void> {
  const port = direction === 'upload' ? streamPorts.sink : streamPorts.source;
  const result = await runClient(bed.laptop, 'bulk', [direction, streamsHost(bed), port, bulkBytes]);
  expect(result).toMatchObject({ intact: 1 });
}

async function carriesConnections(bed: Bed, count: number, idleForMs: number): Promise<void> {
  const result = await runClient(bed.laptop, 'many-connections', [streamsHost(bed), streamPorts.echo, count, idleForMs], {
    timeoutMs: idleForMs + 90_000,
  });
  expect(result).toEqual({ opened: count, answered: count });
}

/** What is intercepted. Its probe names the port by number, so that nothing hangs on how an agent treats probes by name. */
async function createShop({ cluster, world: { namespace } }: Bed): Promise<void> {
  const http = { name: 'http', port: 8080 };
  await cluster.apply([
    programConfigMap(namespace, 'shop', await bundleProgram('app')),
    deployment(namespace, 'shop', { ports: [http], readiness: { httpGet: { path: '/', port: 8080 } } }),
    service(namespace, 'shop', [{ ...http, port: 80, targetPort: 'http' }]),
  ]);
  await cluster.readyPods(namespace, 'shop');
}

/** A workload is intercepted, listed as such and left, by these commands; callers see each of it. */
async function interceptsListsAndLeaves(
  bed: Bed,
  commands: { intercept(): Promise<unknown>; list(): Promise<string>; leave(): Promise<unknown> },
): Promise<void> {
  const ask = async () => await askHttp(await bed.cluster.clusterIp(bed.world.namespace, 'shop'), 80);
  const handler = await startHandler(bed.laptop, [8080]);
  try {
    await commands.intercept();
    await eventually('the laptop answers', async () => {
      for (let count = 0; count < 10; count += 1) expect(await ask()).toBe('laptop 8080 /x');
    });
    expect(await commands.list()).toMatch(/shop *: intercepted/);
    await commands.leave();
    await eventually('the pods answer', async () => {
      for (let count = 0; count < 10; count += 1) expect(await ask()).toContain('"pod":"shop-');
    });
    expect(await commands.list()).not.toMatch(/shop *: intercepted/);
  } finally {
    handler.stop();
  }
}

describe.skipIf(withoutManager !== undefined)(titled('a stock traffic-manager', withoutManager), () => {
  let bed: Bed;
  let stock: StockClient;
  beforeAll(async () => {
    bed = await createBed('stock', { isWithoutManager: true });
    stock = await StockClient.on(bed.laptop);
    await stock.installManager(bed.world.namespace);
    await bed.product.must(['connect', '--manager-namespace', stockNamespace]);
  });
  afterAll(async () => {
    await stock?.uninstallManager();
    await bed?.cluster.deleteNamespace(stockNamespace);
    await bed?.close();
  });

  it('is named in the status', async () => {
    const { user_daemon, traffic_manager } = await bed.product.status();
    expect(user_daemon).toMatchObject({ state: 'on', namespace: bed.world.namespace });
    expect(traffic_manager?.name).toMatch(/^OSS /);
  });

  it('leads to services and pods by their names', async () => await reachesServicesAndPods(bed));
  it('answers what is asked of the name server', async () => await resolvesNames(bed));
  it('carries datagrams', async () => await carriesDatagrams(bed));
  it('carries 100 MiB to the laptop', async () => await carriesBulk(bed, 'download'));

  // One at a time, and without a half-close: to a stock traffic-manager that is the end of the connection.
  it('carries 100 MiB to the cluster and back', async () => {
    const echo = join(import.meta.dirname, '../clients/echo-bulk.ts');
    const answer = await bed.laptop.must(['node', echo, streamsHost(bed), String(streamPorts.echo), String(bulkBytes)]);
    expect(JSON.parse(answer)).toMatchObject({ isIntact: true, received: bulkBytes });
  });

  it('tells a closed port from an open one', async () => {
    expect((await tryConnect(bed.laptop, `web.${bed.world.namespace}`, 81)).outcome).toBe('ECONNREFUSED');
  });

  it('carries more connections than its limit of streams, and keeps them while they are idle', {
    timeout: idleMs + 120_000,
  }, async () => {
    await carriesConnections(bed, manyConnections, idleMs);
  });

  // To whoever asks first; to others it tells only what changes.
  it('lists the workloads of the namespace', async () => {
    const listed = await bed.product.json<readonly { readonly name: string }[]>(['list'], { timeoutMs: 10_000 });
    expect(listed.map(({ name }) => name).toSorted()).toEqual(workloads);
  });

  it('puts its agents into pods whose traffic comes to the laptop, until it is left', { timeout: 180_000 }, async () => {
    const { product } = bed;
    const list = async () => (await product.must(['list'])).stdout;
    await createShop(bed);
    for (const _turn of ['with an agent to come', 'with agents in place']) {
      await interceptsListsAndLeaves(bed, {
        intercept: async () => await product.must(['intercept', 'shop', '--port', '8080:http']),
        list,
        leave: async () => await product.must(['leave', 'shop']),
      });
    }
  });

  it('is left without a trace on the laptop', async () => {
    await bed.product.quit();
    expect((await bed.laptop.snapshot())['IPv4 routes']?.filter((line) => line.includes('tel'))).toEqual([]);
    expect((await bed.laptop.run(['curl', '--silent', '--max-time', '3', `http://web.${bed.world.namespace}`])).code).not.toBe(0);
  });
});

describe.skipIf(withoutClient !== undefined)(titled('a stock client', withoutClient), () => {
  let bed: Bed;
  let stock: StockClient;
  let routes: readonly string[] | undefined;
  beforeAll(async () => {
    bed = await createBed('stock');
    stock = await StockClient.on(bed.laptop);
    routes = (await bed.laptop.snapshot())['IPv4 routes'];
    await stock.must(['connect', '--manager-namespace', settings.managerNamespace]);
  });
  afterAll(async () => {
    await stock?.quit();
    await bed?.close();
  });

  it('shows our traffic-manager in its status', async () => {
    expect(await stock.must(['status'])).toMatch(/Status +: Connected[^]*Telepresence Desktop[^]*: Connected/);
  });

  it('lists the workloads of the namespace', async () => {
    const listed = await stock.must(['list']);
    for (const name of workloads) expect(listed).toMatch(new RegExp(`^${name} *: ready to intercept`, 'm'));
  });

  it('reaches services and pods by their names', async () => await reachesServicesAndPods(bed));
  it('resolves names', async () => await resolvesNames(bed));
  it('sends and receives datagrams', async () => await carriesDatagrams(bed));
  it('receives 100 MiB', async () => await carriesBulk(bed, 'download'));
  it('sends 100 MiB, says that this was all, and gets the answer', async () => await carriesBulk(bed, 'upload'));

  it('keeps hundreds of connections while they are idle', { timeout: idleMs + 120_000 }, async () => {
    await carriesConnections(bed, 300, idleMs);
  });

  it('intercepts a workload, lists it and leaves it', { timeout: 180_000 }, async () => {
    await createShop(bed);
    for (const _turn of ['with an agent to come', 'with agents in place']) {
      await interceptsListsAndLeaves(bed, {
        intercept: async () => await stock.must(['intercept', 'shop', '--port', '8080:http', '--mount=false']),
        list: async () => await stock.must(['list']),
        leave: async () => await stock.must(['leave', 'shop']),
      });
    }
  });

  it('leaves our traffic-manager, and the routes as they were', async () => {
    await stock.quit();
    expect((await bed.laptop.snapshot())['IPv4 routes']).toEqual(routes);
  });
});
