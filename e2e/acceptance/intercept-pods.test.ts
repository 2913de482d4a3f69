import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp, askUdp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { SteadyTraffic } from '../support/steady-traffic.ts';
import { interceptPods } from '../workloads/intercept-pods.ts';

const missing = missingForProduct();

const workloads = ['ports', 'probed-named', 'probed-numeric', 'beside', 'variables', 'three'] as const;

describe.skipIf(missing !== undefined)(titled('intercept-pods', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;

  beforeAll(async () => {
    bed = await createBed('intercept-pods', { isWorldEmpty: true });
    const { cluster, world, product, laptop } = bed;
    await cluster.apply(await interceptPods(world.namespace));
    await product.connect();
    handler = await startHandler(laptop, [8000, 8001, 8002, '8002/UDP']);
    await Promise.all(workloads.map(async (name) => await cluster.readyPods(world.namespace, name, name === 'three' ? 3 : 1)));
  });
  afterEach(async () => {
    for (const name of workloads) await bed.product.run(['leave', name]);
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  async function ask(name: string, port = 80, path = '/x'): Promise<string> {
    return await askHttp(await bed.cluster.clusterIp(bed.world.namespace, name), port, path);
  }

  async function intercept(name: string, ...flags: readonly string[]): Promise<void> {
    await bed.product.must(['intercept', name, ...flags]);
  }

  async function restarts(app: string): Promise<readonly (readonly [string, number])[]> {
    const pods = await bed.cluster.readyPods(bed.world.namespace, app);
    return pods.flatMap(({ metadata, status }) =>
      ((status as { containerStatuses?: { restartCount: number }[] }).containerStatuses ?? []).map(
        ({ restartCount }) => [metadata.name, restartCount] as const,
      ),
    );
  }

  it('takes two ports at once, and leaves the others alone', async () => {
    await intercept('ports', '--port', '8000:http', '--port', '8001:admin');
    expect(await ask('ports', 80)).toBe('laptop 8000 /x');
    expect(await ask('ports', 81)).toBe('laptop 8001 /x');
    expect(await ask('ports', 9001)).toContain('"pod":"ports-');
    await bed.product.must(['leave', 'ports']);
    expect(await ask('ports', 81)).toContain('"pod":"ports-');
  });

  it('tells TCP from UDP on one number', async () => {
    const ip = await bed.cluster.clusterIp(bed.world.namespace, 'ports');
    await intercept('ports', '--port', '8002:9001/UDP');
    expect(await askUdp(ip, 9001, 'datagram')).toBe('laptop 8002 datagram');
    expect(await ask('ports', 9001)).toContain('"pod":"ports-');
    await bed.product.must(['leave', 'ports']);
    expect(await askUdp(ip, 9001, 'datagram')).toMatch(/^ports-\S+ 9001 datagram$/);
    await intercept('ports', '--port', '8002:9001');
    expect(await ask('ports', 9001)).toBe('laptop 8002 /x');
    expect(await askUdp(ip, 9001, 'datagram')).toMatch(/^ports-\S+ 9001 datagram$/);
    await bed.product.must(['leave', 'ports']);
    await intercept('ports', '--port', '8002:9001/TCP', '--port', '8002:9001/UDP');
    expect(await ask('ports', 9001)).toBe('laptop 8002 /x');
    expect(await askUdp(ip, 9001, 'both')).toBe('laptop 8002 both');
  });

  it.each(['probed-named', 'probed-numeric'])('keeps the probes of %s at work, with a handler and without', async (name) => {
    await intercept(name, '--port', '8000:http', '--port', '8999:by-tcp');
    expect(await ask(name)).toBe('laptop 8000 /x');
    const before = await restarts(name);
    const [pod] = await bed.cluster.readyPods(bed.world.namespace, name);
    // More than the failures that the kubelet takes, of a handler that knows no `/alive` and of one that is not there.
    await sleep(4_000);
    expect(await restarts(name)).toEqual(before);
    await bed.product.must(['leave', name]);
    await sleep(3_000);
    expect(await restarts(name)).toEqual(before);
    expect(before.map(([, count]) => count)).toEqual(before.map(() => 0));
    const { probes } = JSON.parse(await ask(name)) as { readonly probes: number };
    expect(probes).toBeGreaterThan(6);
    expect((await bed.cluster.readyPods(bed.world.namespace, name))[0]?.metadata.name).toBe(pod?.metadata.name);
  });

  it('takes the port of a second container, and leaves the first alone', async () => {
    await intercept('beside', '--port', '8000:side', '--container', 'side');
    expect(await ask('beside', 81)).toBe('laptop 8000 /x');
    expect(await ask('beside', 80)).toContain('"port":8080');
    await bed.product.must(['leave', 'beside']);
    expect(await ask('beside', 81)).toContain('"port":8093');
  });

  it("writes the container's environment as it is in the pod, and takes the file away again", async () => {
    const file = join(bed.laptop.home, 'variables.json');
    await intercept('variables', '--port', '8000', '--env-json', file);
    const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    await bed.product.must(['leave', 'variables']);
    const inPod = JSON.parse(await ask('variables', 80, '/env')) as Record<string, string>;
    const own = (variables: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(variables).filter(([name]) => !/^(TELEPRESENCE_|HOSTNAME$|HOME$|PATH$)/.test(name)));
    // What the image sets is in the pod, and is not the manifest's.
    const image = Object.keys(inPod).filter((name) => /^(NODE|YARN)_/.test(name));
    for (const name of image) delete inPod[name];
    expect(own(written)).toEqual(own(inPod));
    expect(written).toMatchObject({
      URL: 'postgres://db:5432/hello?later=$(LATER)&escaped=$(HOST)',
      SECRET_TOKEN: 's3cret = "$x"',
      GREETING: 'hello',
      LINES: 'one\ntwo',
      TELEPRESENCE_CONTAINER: 'variables',
    });
    await expect(readFile(file, 'utf8')).rejects.toThrow();
  });

  it('takes the requests of three replicas, each of them', async () => {
    await intercept('three', '--port', '8000');
    for (let count = 0; count < 30; count += 1) expect(await ask('three')).toBe('laptop 8000 /x');
    await bed.product.must(['leave', 'three']);
    const pods = new Set<string>();
    for (let count = 0; count < 30; count += 1) pods.add((JSON.parse(await ask('three')) as { pod: string }).pod);
    expect(pods.size).toBe(3);
  });

  it('goes on while the workload is scaled from one to three to none and back', async () => {
    const scale = async (replicas: number) => {
      await bed.cluster.kube.request({
        method: 'PATCH',
        path: `/apis/apps/v1/namespaces/${bed.world.namespace}/deployments/ports`,
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas } },
      });
      await eventually(`there are ${replicas} pods`, async () => {
        const pods = await bed.cluster.pods(bed.world.namespace, 'app=ports');
        expect(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toHaveLength(replicas);
      });
      if (replicas > 0) await bed.cluster.readyPods(bed.world.namespace, 'ports', replicas);
    };
    await scale(1);
    await intercept('ports', '--port', '8000:http');
    const traffic = new SteadyTraffic(await bed.cluster.clusterIp(bed.world.namespace, 'ports'), 80, 30);
    try {
      await scale(3);
      await traffic.waitFor('laptop', 10_000, 30);
      await scale(0);
      await traffic.waitFor('nobody', 30_000);
      await eventually('it waits', async () => {
        expect((await bed.product.must(['list'])).stdout).toMatch(/ports: (intercepted|waiting)[\s\S]*WAITING/);
      });
      await scale(1);
      await traffic.waitFor('laptop', 30_000, 30);
    } finally {
      const { text, byApp } = await traffic.end();
      console.log(`one to three to none and back: ${text}`);
      // A pod is ready when its agent knows of the intercept, and one that ends brings callers to the laptop until it is gone. A few are left to a
      // machine so busy that the laptop is not asked in time: thirty milliseconds apart, this is a third of a second's worth.
      expect(byApp).toBeLessThan(10);
    }
    await bed.product.must(['leave', 'ports']);
    expect(await ask('ports')).toContain('"pod":"ports-');
  });
});
