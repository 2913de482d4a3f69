import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { checkout, missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('the demo on a cluster', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('demo', { isWorldEmpty: true });
    await bed.product.quit();
    await bed.laptop.openTunForAll();
  });
  afterAll(async () => await bed?.close());

  it.each(['root', 'user'] as const)('shows every step as %s, and leaves the laptop and the cluster as they were', async (as) => {
    const { laptop, cluster } = bed;
    const before = await laptop.snapshot();
    const demo = await laptop.run(['npm', 'run', '--silent', 'demo', '--', '--context', 'e2e', '--yes'], {
      as,
      cwd: checkout,
      timeoutMs: 110_000,
      // Of root, too: the kubeconfig is that of the laptop's user.
      env: laptop.environment,
    });
    expect(`${demo.stdout}${demo.stderr}`).toContain('As before on this machine: ');
    expect(demo.code).toBe(0);
    expect(demo.stdout).toMatch(/catalogue v1 on .*\|.*catalogue v2, with a sale/);
    expect(demo.stdout).toContain(as === 'root' ? 'every program of this machine' : 'without root');
    expect(await laptop.snapshot()).toEqual(before);
    expect(await cluster.find('Namespace', 'shop')).toBeUndefined();
  });
});
