import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import type { KubeObject } from '../support/objects.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, replicaSet, service, statefulSet } from '../workloads/manifests.ts';

const missing = missingForProduct();

const kinds = { deployment, statefulset: statefulSet, replicaset: replicaSet } as const;
const reaches = ['named', 'numeric', 'headless', 'bare'] as const;

/** One workload of each kind for each way in which callers reach its port. */
const cases = Object.entries(kinds).flatMap(([kind, make]) =>
  reaches.map((reach) => ({ kind, reach, make, name: `${kind}-${reach}` })),
);

const laptopPort = (name: string) => 8_100 + cases.findIndex((candidate) => candidate.name === name);

describe.skipIf(missing !== undefined)(titled('intercept-workloads', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;

  beforeAll(async () => {
    bed = await createBed('intercept-workloads', { isWorldEmpty: true });
    const { cluster, world, product, laptop } = bed;
    await cluster.apply([
      programConfigMap(world.namespace, 'app', await bundleProgram('app')),
      ...cases.flatMap(({ name, reach, make }) => objectsOf(world.namespace, name, reach, make)),
    ]);
    await product.connect();
    handler = await startHandler(
      laptop,
      cases.map(({ name }) => laptopPort(name)),
    );
    await Promise.all(cases.map(async ({ name }) => await cluster.readyPods(world.namespace, name)));
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  function objectsOf(
    namespace: string,
    name: string,
    reach: (typeof reaches)[number],
    make: typeof deployment,
  ): readonly KubeObject[] {
    const port = { name: 'http', port: 8080 };
    const targetPort = reach === 'named' ? 'http' : 8080;
    const services = {
      named: [service(namespace, name, [{ ...port, port: 80, targetPort }])],
      numeric: [service(namespace, name, [{ ...port, port: 80, targetPort }])],
      headless: [service(namespace, name, [{ ...port, targetPort }], { isHeadless: true })],
      bare: [],
    };
    const options = { ports: [port], readiness: { httpGet: { path: '/', port: 'http' } }, program: 'app' };
    return [make(namespace, name, options), ...services[reach]];
  }

  /** As a caller in the cluster gets there: by the Service's address where it has one, else by the pod's. */
  async function ask(name: string, reach: (typeof reaches)[number]): Promise<string> {
    const { cluster, world } = bed;
    if (reach === 'named' || reach === 'numeric') return await askHttp(await cluster.clusterIp(world.namespace, name), 80);
    const [pod] = await cluster.readyPods(world.namespace, name);
    return await askHttp(pod?.status.podIP ?? '', 8080);
  }

  it.concurrent.each(cases)('intercepts a $kind reached by $reach port, and gives it back', async ({ name, reach }) => {
    // A ready pod may be news to the node.
    await eventually('the pod answers', async () => expect(await ask(name, reach)).toContain(`"pod":"${name}`));
    const port = laptopPort(name);
    const { stdout } = await bed.product.must(['intercept', name, '--port', String(port)]);
    expect(stdout).toMatch(/State\s*: ACTIVE/);
    // From the moment that the command returns.
    for (let count = 0; count < 5; count += 1) expect(await ask(name, reach)).toBe(`laptop ${port} /x`);
    await bed.product.must(['leave', name]);
    for (let count = 0; count < 5; count += 1) expect(await ask(name, reach)).toContain(`"pod":"${name}`);
  });

  it('shows all of them with their agents, and takes every agent out', async () => {
    const { stdout } = await bed.product.must(['list', '--agents']);
    for (const { name } of cases) expect(stdout).toContain(name);
    await bed.product.must(['uninstall', '--all-agents']);
    await eventually('no pod has an agent', async () => {
      const pods = await bed.cluster.pods(bed.world.namespace);
      const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      expect(live.flatMap(({ spec }) => spec.containers.map(({ name }) => name))).not.toContain('traffic-agent');
      expect(live).toHaveLength(cases.length);
    });
  });
});
