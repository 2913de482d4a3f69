import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('smoke', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('smoke');
  });
  afterAll(async () => await bed?.close());

  it('connects, reaches a service by its name, and leaves nothing on the laptop', async () => {
    const { laptop, product, world } = bed;
    await product.quit();
    const before = await laptop.snapshot();
    expect((await laptop.run(['curl', '--silent', '--max-time', '3', `http://web.${world.namespace}`])).code).not.toBe(0);

    const connected = await product.connect();
    expect(connected.stdout).toMatch(/Connected to context e2e, namespace smoke-/);
    const answer = await curl(laptop, `http://web.${world.namespace}`);
    expect(world.webPods.map(({ name }) => name)).toContain(answer.pod);

    const status = await product.status();
    expect(status.user_daemon).toMatchObject({ running: true, status: 'Connected', state: 'on', namespace: world.namespace });
    expect(status.root_daemon).toMatchObject({ running: true });
    expect(status.traffic_manager?.name).toBeDefined();

    await product.quit();
    expect((await product.status()).user_daemon).toMatchObject({ running: false });
    expect(await laptop.snapshot()).toEqual(before);
  });

  it('says that it is connected already when asked twice, and keeps the daemons on a plain quit', async () => {
    const { laptop, product, world } = bed;
    await product.connect();
    const { pid } = (await product.status()).user_daemon;
    const second = await product.json<{ readonly already_connected: boolean }>(['connect']);
    expect(second.already_connected).toBe(true);
    await product.must(['quit']);
    const status = await product.status();
    expect(status.user_daemon).toMatchObject({ running: true, state: 'off', pid });
    expect((await laptop.run(['curl', '--silent', '--max-time', '3', `http://web.${world.namespace}`])).code).not.toBe(0);
    await product.connect();
    await curl(laptop, 'http://web');
    await product.quit();
  });

  it('lists the workloads of the namespace, and not the traffic-manager', async () => {
    const { product } = bed;
    await product.connect();
    const workloads = await product.json<readonly { readonly name: string }[]>(['list']);
    expect(workloads.map(({ name }) => name).toSorted()).toEqual(['store', 'streams', 'web']);
    const versions = await product.must(['version']);
    expect(versions.stdout).toMatch(/Client.*\n.*Root Daemon[^]*User Daemon[^]*Traffic Manager/);
    await product.quit();
  });

  it('runs a command with the connection, passes its exit code on, and disconnects after it', async () => {
    const { laptop, product } = bed;
    const child = await product.run(['connect', '--', 'sh', '-c', 'curl --silent --fail http://web | head -c 7; exit 7']);
    expect(child.stdout).toContain('{"pod":');
    expect(child.code).toBe(7);
    expect((await product.status()).user_daemon.state).toBe('off');
    await product.connect();
    await product.must(['connect', '--', 'true']);
    await curl(laptop, 'http://web');
    await product.quit();
  });
});
