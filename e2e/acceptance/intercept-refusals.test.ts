import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Laptop } from '../laptop/laptop.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import type { KubeObject } from '../support/objects.ts';
import { type Failure, Product } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, type PodOptions, programConfigMap, replicaSet, service } from '../workloads/manifests.ts';

const missing = missingForProduct();

const http = { name: 'http', port: 8080 };
const app: PodOptions = { program: 'app', ports: [http], readiness: { httpGet: { path: '/', port: 8080 } } };

/** What the "restricted" Pod Security Standard asks of a container. */
const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Requests that cannot be granted: what the person is told, and that the cluster is as it was. */
describe.skipIf(missing !== undefined)(titled('intercept-refusals', missing), () => {
  let bed: Bed;
  const namespaces = new Map<string, string>();

  beforeAll(async () => {
    bed = await createBed('intercept-refusals', { isWorldEmpty: true });
    const { cluster, world, product } = bed;
    const main = world.namespace;
    for (const name of ['quota', 'limits', 'restricted'] as const)
      namespaces.set(name, await cluster.createNamespace(`intercept-${name}`));
    const program = await bundleProgram('app');
    await cluster.apply([
      ...[main, ...namespaces.values()].map((namespace) => programConfigMap(namespace, 'app', program)),
      ...workload(main, 'shop', 'http'),
      ...workload(main, 'cart', 'http'),
      deployment(main, 'two', { ...app, ports: [http, { name: 'admin', port: 8081 }] }),
      service(main, 'two', [
        { ...http, port: 80, targetPort: 8080 },
        { name: 'admin', port: 81, targetPort: 8081 },
      ]),
      ...workload(main, 'guarded', 'http'),
      replicaSet(main, 'guarded-set', app),
      ...['guarded', 'guarded-set'].map((name) => budget(main, name)),
      deployment(main, 'never', { ...app, readiness: { httpGet: { path: '/', port: 8999 } } }),
      service(main, 'never', [{ ...http, port: 80, targetPort: 'http' }]),
      ...workload(namespaces.get('quota') ?? '', 'quota', 'http'),
      ...workload(namespaces.get('limits') ?? '', 'limits', 'http'),
      ...workload(namespaces.get('restricted') ?? '', 'by-name', 'http', { securityContext: restricted }),
      ...workload(namespaces.get('restricted') ?? '', 'by-number', 8080, { securityContext: restricted }),
    ]);
    for (const name of ['shop', 'cart', 'two', 'guarded', 'guarded-set']) await cluster.readyPods(main, name);
    for (const name of ['quota', 'limits']) await cluster.readyPods(namespaces.get(name) ?? '', name);
    for (const name of ['by-name', 'by-number']) await cluster.readyPods(namespaces.get('restricted') ?? '', name);
    await product.connect();
  });
  afterAll(async () => {
    for (const namespace of namespaces.values()) await bed?.cluster.deleteNamespace(namespace);
    await bed?.close();
  });

  function workload(
    namespace: string,
    name: string,
    targetPort: string | number,
    more: Partial<PodOptions> = {},
  ): readonly KubeObject[] {
    return [deployment(namespace, name, { ...app, ...more }), service(namespace, name, [{ ...http, port: 80, targetPort }])];
  }

  function budget(namespace: string, name: string): KubeObject {
    const spec = { maxUnavailable: 0, selector: { matchLabels: { app: name } } };
    return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name, namespace }, spec };
  }

  async function refused(name: string, laptopPort = 8080, ...flags: readonly string[]): Promise<Failure> {
    return await bed.product.fails(['intercept', name, '--port', `${laptopPort}:http`, ...flags]);
  }

  /** Its pods run as if nobody had asked. */
  async function isAsBefore(namespace: string, name: string): Promise<void> {
    await eventually(`${name} is as before`, async () => {
      const live = (await bed.cluster.pods(namespace, `app=${name}`)).filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      );
      expect(live.map(({ spec }) => spec.containers.map((container) => container.name))).toEqual([[name]]);
      await bed.cluster.readyPods(namespace, name);
    });
  }

  it('names the nearest workloads', async () => {
    const failure = await refused('shpo');
    expect(failure).toMatchObject({ code: 'workload.not-found' });
    expect(failure.words).toContain('shpo');
    expect(failure.words).toMatch(/Did you mean shop/);
  });

  it('lists the ports where one is not named, or does not exist', async () => {
    const ambiguous = await bed.product.fails(['intercept', 'two', '--port', '8080']);
    expect(ambiguous.code).toBe('workload.ambiguous');
    for (const port of ['http (80)', 'admin (81)']) expect(ambiguous.words).toContain(port);
    const unknown = await bed.product.fails(['intercept', 'two', '--port', '8080:grpc']);
    for (const port of ['grpc', 'http (80)', 'admin (81)']) expect(unknown.words).toContain(port);
    await isAsBefore(bed.world.namespace, 'two');
  });

  it('names who has the port, on which laptop and since when', { timeout: 180_000 }, async () => {
    const other = await Laptop.create({ reaches: [bed.cluster.server.host] });
    const product = new Product(other);
    try {
      await other.writeFile('.kube/config', kubeconfigText({ e2e: bed.context }));
      await product.connect();
      await product.must(['intercept', 'shop', '--port', '8080:http']);
      const failure = await refused('shop');
      expect(failure).toMatchObject({ code: 'engagement.conflict', exitCode: 8 });
      expect(failure.words).toMatch(/intercepted by dev on \S+ since \d{4}-\d\d-\d\dT[\d:]+Z/);
      expect((await bed.product.must(['list'])).stdout).toMatch(
        /deployment shop: intercepted by dev@\S+ since \d{4}-\d\d-\d\dT[\d:]+Z/,
      );
      // The one who has it keeps it.
      expect((await product.must(['list'])).stdout).toMatch(/State\s*: ACTIVE/);
      await product.must(['leave', 'shop']);
      await bed.product.must(['intercept', 'shop', '--port', '8080:http']);
      await bed.product.must(['leave', 'shop']);
    } finally {
      await product.run(['quit', '--stop-daemons']);
      await other.close();
    }
  });

  it('names the intercept that has the port of the laptop', async () => {
    await bed.product.must(['intercept', 'shop', '--port', '8080:http']);
    try {
      const failure = await refused('cart');
      expect(failure).toMatchObject({ code: 'engagement.laptop-port-in-use', exitCode: 8 });
      expect(failure.words).toMatch(/127\.0\.0\.1:8080[\s\S]*shop/);
    } finally {
      await bed.product.must(['leave', 'shop']);
    }
  });

  it('says that nothing listens, for as long as that is so', async () => {
    const { stdout } = await bed.product.must(['intercept', 'shop', '--port', '8077:http']);
    expect(stdout).toContain('nothing listens');
    expect((await bed.product.must(['list'])).stdout).toContain('nothing listens');
    expect((await bed.product.must(['status'])).stdout).toMatch(/No program takes connections on 127\.0\.0\.1:8077/);
    const listener = bed.laptop.spawn(['node', '-e', "require('node:net').createServer().listen(8077, '127.0.0.1')"]);
    try {
      await eventually('the warning goes', async () => {
        expect((await bed.product.must(['list'])).stdout).not.toContain('nothing listens');
      });
      expect((await bed.product.must(['status'])).stdout).not.toContain('No program takes connections');
    } finally {
      listener.kill();
      await bed.product.must(['leave', 'shop']);
    }
  });

  it.concurrent('hands on what a quota says, and brings the pods back', async () => {
    const namespace = namespaces.get('quota') ?? '';
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'memory', namespace } };
    await bed.cluster.apply([{ ...quota, spec: { hard: { 'limits.memory': '600Mi' } } }]);
    await eventually('the quota counts', async () => {
      const found = await bed.cluster.find('ResourceQuota', 'memory', namespace);
      expect(found?.['status']).toMatchObject({ used: { 'limits.memory': '512Mi' } });
    });
    const failure = await refused('quota', 8074, '--namespace', namespace);
    expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
    expect(failure.words).toMatch(/quota[\s\S]*memory/);
    await isAsBefore(namespace, 'quota');
  });

  it.concurrent('hands on what a LimitRange says, and brings the pods back', async () => {
    const namespace = namespaces.get('limits') ?? '';
    const limits = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'pods', namespace } };
    await bed.cluster.apply([{ ...limits, spec: { limits: [{ type: 'Container', maxLimitRequestRatio: { memory: '20' } }] } }]);
    const failure = await refused('limits', 8075, '--namespace', namespace);
    expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
    expect(failure.words).toMatch(/memory/);
    await isAsBefore(namespace, 'limits');
  });

  it.concurrent('intercepts by name under restricted Pod Security, and says why not by number', async () => {
    const namespace = namespaces.get('restricted') ?? '';
    const labels = { 'e2e-suite': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' };
    await bed.cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }]);
    const failure = await refused('by-number', 8076, '--namespace', namespace);
    expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
    expect(failure.words).toContain('PodSecurity');
    expect(failure.words).toMatch(/targetPort/);
    await isAsBefore(namespace, 'by-number');
    await bed.product.must(['intercept', 'by-name', '--port', '8071:http', '--namespace', namespace]);
    await bed.product.must(['leave', 'by-name']);
  });

  it.concurrent('restarts a Deployment whose budget forbids evictions, and names the budget where nothing can be restarted', async () => {
    await bed.product.must(['intercept', 'guarded', '--port', '8072:http']);
    await bed.product.must(['leave', 'guarded']);
    const failure = await refused('guarded-set', 8078);
    expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
    expect(failure.words).toContain('PodDisruptionBudget');
    await isAsBefore(bed.world.namespace, 'guarded-set');
  });

  it.concurrent('says that the pod of a workload is not ready', async () => {
    const { stdout, stderr } = await bed.product.must(['intercept', 'never', '--port', '8073:http']);
    expect(`${stdout}${stderr}`).toMatch(/not ready/);
    await bed.product.must(['leave', 'never']);
  });

  it('refuses a second traffic-manager for the same namespace', async () => {
    const failure = await bed.product.fails(['helm', 'install', '--manager-namespace', bed.world.namespace]);
    expect(failure).toMatchObject({ code: 'install.conflict', exitCode: 8 });
    expect(failure.words).toContain(settings.managerNamespace);
  });
});
