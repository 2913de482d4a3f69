import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { askDns } from '../support/client-program.ts';
import { eventually } from '../support/eventually.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('names', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('names');
    await bed.product.connect();
  });
  afterAll(async () => await bed?.close());

  it.each([
    ['short name', () => 'http://web'],
    ['name and namespace', (ns: string) => `http://web.${ns}`],
    ['name, namespace and svc', (ns: string) => `http://web.${ns}.svc`],
    ['full name', (ns: string) => `http://web.${ns}.svc.cluster.local`],
    ['full name with a dot at the end', (ns: string) => `http://web.${ns}.svc.cluster.local.`],
    ['ExternalName service', (ns: string) => `http://alias.${ns}`],
    ['name in capitals', (ns: string) => `http://WEB.${ns.toUpperCase()}`],
  ])('reaches a service by %s', async (_form, url) => {
    const answer = await curl(bed.laptop, url(bed.world.namespace));
    expect(bed.world.webPods.map(({ name }) => name)).toContain(answer.pod);
  });

  it('reaches a pod by its address and by the address of its service', async () => {
    const [pod] = bed.world.webPods;
    expect(await curl(bed.laptop, `http://${pod?.ip}:8080/some/path`)).toMatchObject({ pod: pod?.name, path: '/some/path' });
    const address = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    expect((await curl(bed.laptop, `http://${address}`)).pod).toMatch(/^web-/);
  });

  it('reaches each pod of a StatefulSet by its own name, short and full', async () => {
    const { namespace } = bed.world;
    for (const pod of ['store-0', 'store-1']) {
      for (const host of [`${pod}.store`, `${pod}.store.${namespace}`, `${pod}.store.${namespace}.svc.cluster.local`]) {
        expect(await curl(bed.laptop, `http://${host}:8080`), host).toMatchObject({ pod });
      }
    }
  });

  it('resolves a headless service to all of its pods', async () => {
    const [reply] = await askDns(bed.laptop, `store.${bed.world.namespace}.svc.cluster.local`, 'A');
    expect(reply?.answers.map(({ data }) => data).toSorted()).toEqual(bed.world.storePods.map(({ ip }) => ip).toSorted());
  });

  it("resolves for programs that use the system's resolver library", async () => {
    const address = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    expect((await bed.laptop.must(['getent', 'ahostsv4', 'web'])).split(/\s+/)[0]).toBe(address);
    const byNode = await bed.laptop.must([
      'node',
      '-p',
      `require('dns').lookup('web.${bed.world.namespace}', (e, a) => console.log(e ?? a)), ''`,
    ]);
    expect(byNode.trim()).toBe(address);
  });

  it('goes on answering what the former resolver knows', async () => {
    expect((await bed.laptop.must(['getent', 'hosts', 'intranet.corp'])).split(/\s+/)[0]).toBe('192.0.2.90');
    expect((await bed.laptop.must(['getent', 'ahostsv4', 'example.com'])).split(/\s+/)[0]).toBe('192.0.2.80');
    expect((await bed.laptop.run(['getent', 'hosts', 'nobody-knows-this.corp'])).code).toBe(2);
  });

  it('reaches a namespace and a service that are made while it is connected', async () => {
    const namespace = await bed.cluster.createNamespace('names-late');
    try {
      await bed.cluster.apply([
        programConfigMap(namespace, 'late', await bundleProgram('http-echo')),
        deployment(namespace, 'late', {
          ports: [{ name: 'http', port: 8080 }],
          readiness: { httpGet: { path: '/', port: 'http' } },
        }),
        service(namespace, 'late', [{ name: 'http', port: 80, targetPort: 'http' }]),
      ]);
      await bed.cluster.readyPods(namespace, 'late');
      await eventually(
        'the new service answers',
        async () => expect((await curl(bed.laptop, `http://late.${namespace}`)).pod).toMatch(/^late-/),
        { timeoutMs: 15_000 },
      );
    } finally {
      await bed.cluster.deleteNamespace(namespace);
    }
  });

  it('resolves names of mapped namespaces only', async () => {
    const { product, laptop, world } = bed;
    await product.must(['quit']);
    await product.connect('--mapped-namespaces', world.namespace);
    await curl(laptop, `http://web.${world.namespace}`);
    expect((await laptop.run(['getent', 'hosts', 'kube-dns.kube-system'])).code).not.toBe(0);
    await product.must(['quit']);
    await product.connect();
    expect((await laptop.must(['getent', 'hosts', 'kube-dns.kube-system'])).split(/\s+/)[0]).toBe(
      await bed.cluster.clusterIp('kube-system', 'kube-dns'),
    );
  });

  it('resolves short names in the namespace that it is connected to', async () => {
    const { product, laptop } = bed;
    await product.must(['quit']);
    await product.connect('--namespace', 'kube-system');
    expect((await laptop.must(['getent', 'hosts', 'kube-dns'])).split(/\s+/)[0]).toBe(
      await bed.cluster.clusterIp('kube-system', 'kube-dns'),
    );
    expect((await laptop.run(['getent', 'hosts', 'web'])).code).not.toBe(0);
    await product.must(['quit']);
    await product.connect();
  });
});
