import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

/** What a shell asks for while a person types. */
describe.skipIf(missing !== undefined)(titled('completion', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('completion');
    const { context, laptop, product } = bed;
    await product.quit();
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: context, staging: context }));
  });
  afterAll(async () => await bed?.close());

  /** Candidates for the last word. */
  async function complete(...words: readonly string[]): Promise<readonly string[]> {
    const { stdout, stderr } = await bed.product.must(['__complete', ...words]);
    // A checkout that is being worked on says that it is newer than its bundles.
    expect(stderr.replace(/^.*dist is older than its sources.*\n/m, '')).toBe('');
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']));
  }

  it('starts nothing, and still knows commands and contexts', async () => {
    expect(await complete('conn')).toEqual(['connect']);
    expect(await complete('connect', '--context', '')).toEqual(['e2e', 'staging']);
    expect(await complete('connect', '--context=st')).toEqual(['--context=staging']);
    expect(await complete('intercept', '')).toEqual([]);
    expect(await complete('doctor', 'd')).toEqual(['dns']);
    expect((await bed.product.status()).user_daemon.running).toBe(false);
  });

  it('knows names of the cluster while connected', async () => {
    const { product, world, laptop } = bed;
    await product.connect();
    expect(await complete('intercept', '')).toEqual(['store', 'streams', 'web']);
    expect(await complete('intercept', 'st')).toEqual(['store', 'streams']);
    expect(await complete('intercept', 'any', '--workload', 'w')).toEqual(['web']);
    expect(await complete('uninstall', 'web', 'sto')).toEqual(['store']);
    const namespaces = await complete('connect', '--namespace', 'completion-');
    expect(namespaces).toContain(world.namespace);
    expect(await complete('connect', '--mapped-namespaces', `default,${world.namespace.slice(0, -2)}`)).toContain(
      `default,${world.namespace}`,
    );
    expect(await complete('--use', '')).toEqual([`e2e-${world.namespace}`]);
    expect(await complete('leave', '')).toEqual([]);
    await product.must(['intercept', 'shop', '--workload', 'web', '--port', '8080:http']);
    for (const command of ['leave', 'detach']) expect(await complete(command, '')).toEqual(['shop']);
    await laptop.must(['bash', '-c', 'source <(telepresence completion bash); complete -p telepresence']);
    await product.must(['leave', 'shop']);
    expect(await complete('leave', '')).toEqual([]);
  });

  it('fails silently where nobody answers', async () => {
    await bed.product.quit();
    expect(await complete('leave', '')).toEqual([]);
    expect(await complete('connect', '--namespace', '')).toEqual([]);
  });
});
