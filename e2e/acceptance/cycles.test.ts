import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const cycles = settings.isBrief ? 10 : 30;
const restarts = settings.isBrief ? 4 : 10;

describe.skipIf(missing !== undefined)(titled('cycles', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('cycles');
    await bed.product.quit();
  });
  afterAll(async () => await bed?.close());

  it(`leaves nothing behind after ${cycles} times connect and quit`, { timeout: 300_000 }, async () => {
    const { laptop, product } = bed;
    const before = await laptop.snapshot();
    await product.connect();
    await curl(laptop, 'http://web');
    await product.must(['quit']);
    const idle = await laptop.snapshot();
    const descriptors = await openDescriptors();
    for (let cycle = 2; cycle <= cycles; cycle += 1) {
      await product.connect();
      await curl(laptop, 'http://web');
      await product.must(['quit']);
    }
    expect(await laptop.snapshot()).toEqual(idle);
    // Some are opened on first use of something and stay; none for each cycle.
    expect(await openDescriptors()).toBeLessThan(descriptors + cycles / 2);
    await product.quit();
    expect(await laptop.snapshot()).toEqual(before);
  });

  it(`leaves nothing behind after ${restarts} times starting and stopping the daemons`, { timeout: 200_000 }, async () => {
    const { laptop, product } = bed;
    const before = await laptop.snapshot();
    for (let cycle = 0; cycle < restarts; cycle += 1) {
      await product.connect();
      await product.quit();
    }
    expect(await laptop.snapshot()).toEqual(before);
  });

  it('ends nothing but the session on Ctrl-C during connect', async () => {
    const { laptop, product } = bed;
    const before = await laptop.snapshot();
    const interrupted = await laptop.run(['timeout', '--signal=INT', '0.4', settings.product, 'connect']);
    expect(interrupted.isTimedOut).toBe(false);
    await product.quit();
    expect(await laptop.snapshot()).toEqual(before);
    await product.connect();
    await curl(laptop, 'http://web');
    await product.quit();
  });

  async function openDescriptors(): Promise<number> {
    const { pid } = (await bed.product.status()).user_daemon;
    return (await readdir(`/proc/${pid}/fd`)).length;
  }
});
