import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LaptopSnapshot, networkOf } from '../laptop/laptop-snapshot.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { productProcesses } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const minute = settings.isFull ? '' : ' (skipped: takes a minute, E2E_FULL is not set)';

describe.skipIf(missing !== undefined)(titled('pause', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  let before: LaptopSnapshot;
  const isOn = async () => await bed.laptop.must(['curl', '--silent', '--fail', '--max-time', '5', 'http://streams:9000']);
  const isOff = async () =>
    expect((await bed.laptop.run(['curl', '--silent', '--max-time', '2', `http://web.${bed.world.namespace}`])).code).not.toBe(0);
  const askCluster = async () => await askHttp(await bed.cluster.clusterIp(bed.world.namespace, 'web'), 80);
  const isAnswered = async () => expect(await askCluster()).toBe('laptop 8080 /x');

  beforeAll(async () => {
    bed = await createBed('pause');
    await bed.product.quit();
    handler = await startHandler(bed.laptop, [8080]);
    before = await bed.laptop.snapshot();
  });
  afterEach(async () => {
    await bed.product.quit();
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  it('leaves the laptop as it was, keeps intercepts answered, and takes nothing else with it', async () => {
    const { laptop, product } = bed;
    await product.connect();
    await product.must(['intercept', 'web', '--port', '8080:http']);
    await isOn();
    const paused = await product.must(['pause']);
    expect(paused.stdout).toMatch(/^Paused e2e-pause-\S+, until: telepresence resume$/m);
    expect(networkOf(await laptop.snapshot())).toEqual(networkOf(before));
    await isOff();
    await isAnswered();
    expect((await product.status()).user_daemon).toMatchObject({ status: 'Paused', state: 'paused' });
    expect((await product.must(['list'])).stdout).toContain('deployment web: intercepted');
    expect((await product.must(['pause'])).stdout).toContain('Paused');
    expect((await product.must(['resume'])).stdout).toMatch(/^Resumed e2e-pause-/m);
    await isOn();
    await isAnswered();
    expect((await product.must(['resume'])).stdout).toContain('Resumed');
  });

  it('stays paused when the daemon is killed, with what was intercepted, and comes back when its time is over', async () => {
    const { laptop, product } = bed;
    await product.connect();
    await product.must(['intercept', 'web', '--port', '8080:http']);
    await product.must(['pause', '--for', '1m']);
    await laptop.signal('SIGKILL', productProcesses.daemon);
    await eventually('the helper is done', async () => expect(networkOf(await laptop.snapshot())).toEqual(networkOf(before)));
    await product.run(['list-namespaces']);
    const { user_daemon: daemon } = await product.waitForState('paused', 15_000);
    expect(daemon).toMatchObject({ status: 'Paused' });
    expect(networkOf(await laptop.snapshot())).toEqual(networkOf(before));
    await eventually('the intercept is answered again', isAnswered);
    // The end of the pause passes while no daemon runs.
    await laptop.signal('SIGKILL', productProcesses.daemon);
    const file = join(laptop.runtimeDirectory, 'telepresence/pauses.json');
    const pauses = JSON.parse(await readFile(file, 'utf8')) as Record<string, { readonly since: string }>;
    const over = Object.entries(pauses).map(([name, { since }]) => [name, { since, until: since }]);
    await laptop.must(['sh', '-c', `cat > ${file}`], { input: JSON.stringify(Object.fromEntries(over)) });
    await product.run(['list-namespaces']);
    await product.waitForState('on', 15_000);
    await isOn();
  });

  it.skipIf(!settings.isFull)(`ends by itself${minute}`, async () => {
    const { product } = bed;
    await product.connect();
    expect((await product.must(['pause', '--for', '60s'])).stdout).toMatch(/^Paused \S+ until \d/m);
    await isOff();
    const startedAt = performance.now();
    await product.waitForState('on', 70_000);
    console.log(`resumed after ${Math.round(performance.now() - startedAt)} ms`);
    await isOn();
  });

  it('leaves nothing when it is left while paused', async () => {
    const { laptop, product } = bed;
    await product.connect();
    await product.must(['intercept', 'web', '--port', '8080:http']);
    await product.must(['pause']);
    await product.quit();
    expect(await laptop.snapshot()).toEqual(before);
    await eventually('the workload answers itself', async () => expect(await askCluster()).toContain('"pod":"web-'));
    await product.connect();
    expect((await product.status()).user_daemon.state, 'a new connection is not paused').toBe('on');
  });

  it('names what is wrong with a request', async () => {
    const { product } = bed;
    expect((await product.fails(['pause'])).code).toBe('connection.none');
    await product.connect();
    expect((await product.fails(['pause', '--for', 'soon'])).code).toBe('usage');
    await product.must(['quit']);
    expect((await product.fails(['pause'])).code).toBe('connection.none');
    expect((await product.fails(['resume'])).code).toBe('connection.none');
  });

  it('works for a rootless connection, whose shells lose the cluster and get it back', async () => {
    const { laptop, product } = bed;
    await laptop.openTunForAll();
    const openedTun = await laptop.snapshot();
    await product.connect('--rootless');
    await product.must(['intercept', 'web', '--port', '8080:http']);
    const inside = async () =>
      await product.run(['shell', '--', 'curl', '--silent', '--fail', '--max-time', '3', 'http://streams:9000']);
    expect((await inside()).code).toBe(0);
    await product.must(['pause']);
    expect((await inside()).code).not.toBe(0);
    await isAnswered();
    await product.must(['resume']);
    await eventually('the shell is in the cluster', async () => expect((await inside()).code).toBe(0), { timeoutMs: 5_000 });
    await product.must(['pause']);
    await product.quit();
    expect(await laptop.snapshot()).toEqual(openedTun);
  });
});
