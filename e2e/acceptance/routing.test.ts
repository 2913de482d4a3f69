import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type OutsideAnswer, serveOutside } from '../laptop/outside.ts';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { tryConnect } from '../support/client-program.ts';
import { missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

/** Addresses of the documentation ranges that the machine takes on: pods reach all of them, the laptop only `routed`. */
const outside = { alsoProxied: '198.51.100.7', neverProxied: '198.51.100.8', routed: '203.0.113.7' } as const;
const port = 8099;

describe.skipIf(missing !== undefined)(titled('routing', missing), () => {
  let bed: Bed;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    bed = await createBed('routing');
    await bed.laptop.addOutsideAddress(outside.alsoProxied, false);
    await bed.laptop.addOutsideAddress(outside.neverProxied, false);
    await bed.laptop.addOutsideAddress(outside.routed, true);
    for (const address of Object.values(outside)) closers.push(await serveOutside(address, port));
  });
  afterEach(async () => await bed.product.quit());
  afterAll(async () => {
    for (const close of closers) await close();
    await bed?.close();
  });

  async function ask(address: string): Promise<OutsideAnswer> {
    return JSON.parse(
      await bed.laptop.must(['curl', '--silent', '--fail', '--max-time', '5', `http://${address}:${port}/`]),
    ) as OutsideAnswer;
  }

  async function interfaceOf(address: string): Promise<string> {
    const route = (await bed.laptop.run(['ip', 'route', 'get', address])).stdout;
    return /dev (\S+)/.exec(route)?.[1] ?? 'none';
  }

  it("leaves everything that is not the cluster's alone", async () => {
    await bed.product.connect();
    expect((await ask(outside.routed)).from).toBe(bed.laptop.address);
    expect(await interfaceOf(outside.alsoProxied)).toBe('none');
    expect(await interfaceOf(bed.cluster.server.host)).toBe('eth0');
    expect(await tryConnect(bed.laptop, bed.cluster.server.host, bed.cluster.server.port)).toMatchObject({
      outcome: 'connected',
    });
  });

  it('routes also-proxied subnets into the cluster, and never-proxied ones within them not', async () => {
    await bed.product.connect('--also-proxy', '198.51.100.0/24', '--never-proxy', `${outside.neverProxied}/32`);
    const answer = await ask(outside.alsoProxied);
    expect(answer.outside).toBe(true);
    expect(answer.from).not.toBe(bed.laptop.address);
    expect(await interfaceOf(outside.alsoProxied)).toMatch(/^tel\d+$/);
    expect(await interfaceOf(outside.neverProxied)).not.toMatch(/^tel/);
  });

  it('lets the most specific of also- and never-proxy win', async () => {
    await bed.product.connect('--also-proxy', `198.51.100.0/24,${outside.neverProxied}/32`, '--never-proxy', '198.51.100.0/28');
    expect(await interfaceOf(outside.neverProxied)).toMatch(/^tel/);
    expect(await interfaceOf(outside.alsoProxied)).not.toMatch(/^tel/);
    expect(await interfaceOf('198.51.100.77')).toMatch(/^tel/);
  });

  it('takes also-proxied subnets from the configuration, too', async () => {
    await bed.product.writeConfig({ routing: { alsoProxySubnets: [`${outside.alsoProxied}/32`] } });
    await bed.product.connect();
    expect((await ask(outside.alsoProxied)).from).not.toBe(bed.laptop.address);
    await bed.product.writeConfig({});
  });

  it('reaches services through virtual addresses where the laptop has a route of its own to them', async () => {
    const address = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    const overlap = `${address.split('.').slice(0, 2).join('.')}.0.0/17`;
    // A neighbour that does not exist: nothing is reached by that route.
    const gateway = bed.laptop.gateway.replace(/\.1$/, '.200');
    const more = overlap.replace('0.0/17', '128.0/17');
    for (const subnet of [overlap, more]) await bed.laptop.must(['ip', 'route', 'add', subnet, 'via', gateway], { as: 'root' });
    try {
      await bed.product.connect();
      expect((await curl(bed.laptop, `http://web.${bed.world.namespace}`)).pod).toMatch(/^web-/);
      const { root_daemon: root } = await bed.product.status();
      expect(root.virtual_subnets?.length).toBeGreaterThan(0);
      const resolved = (await bed.laptop.must(['getent', 'ahostsv4', 'web'])).split(/\s+/)[0];
      expect(resolved).not.toBe(address);
      // The laptop's own route is as it was.
      expect(await interfaceOf(address)).toBe('eth0');
      await bed.product.must(['quit']);

      await bed.product.connect('--allow-conflicting-subnets', `${address.split('.').slice(0, 2).join('.')}.0.0/16`);
      expect((await bed.laptop.must(['getent', 'ahostsv4', 'web'])).split(/\s+/)[0]).toBe(address);
    } finally {
      for (const subnet of [overlap, more]) await bed.laptop.must(['ip', 'route', 'del', subnet, 'via', gateway], { as: 'root' });
    }
  });

  it('fails with the route and the three ways out where conflicts are not to be resolved', async () => {
    const address = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    const overlap = `${address}/32`;
    const gateway = bed.laptop.gateway.replace(/\.1$/, '.200');
    await bed.laptop.must(['ip', 'route', 'add', overlap, 'via', gateway], { as: 'root' });
    await bed.product.writeConfig({ routing: { autoResolveConflicts: false } });
    try {
      const before = await bed.laptop.snapshot();
      const failure = await bed.product.fails(['connect']);
      expect(failure).toMatchObject({ code: 'route.overlap', exitCode: 8 });
      expect(failure.words).toContain(address);
      expect(failure.words).toMatch(/--allow-conflicting-subnets|--vnat/);
      await bed.product.quit();
      expect({ ...(await bed.laptop.snapshot()), processes: [] }).toEqual({ ...before, processes: [] });
    } finally {
      await bed.product.writeConfig({});
      await bed.laptop.must(['ip', 'route', 'del', overlap, 'via', gateway], { as: 'root' });
    }
  });
});
