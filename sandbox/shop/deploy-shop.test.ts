import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ApiBed, startApiBed } from '../api/testing/api-bed.ts';
import { builtPrograms, deployShop } from './deploy-shop.ts';

interface Found {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly replicas?: number };
  readonly data?: Readonly<Record<string, string>>;
}

const deployments = '/apis/apps/v1/namespaces/shop/deployments';
const parts = ['cart', 'catalogue', 'stock', 'web'];

describe('deployShop', () => {
  let bed: ApiBed;
  beforeAll(async () => {
    bed = await startApiBed();
  });
  afterAll(async () => await bed.stop());

  const clubToken = 'of-the-test';
  const deploy = async (onStage: (stage: string) => void, signal = AbortSignal.timeout(20_000)) =>
    await deployShop({ client: bed.admin, image: 'i:1', programOf: async (name) => `// ${name}`, clubToken, signal, onStage });
  const request = async <T>(method: 'GET' | 'PATCH', path: string, body?: object) =>
    await bed.admin.request<T>({ method, path, body, contentType: 'application/merge-patch+json' });
  /** What the node does in a sandbox. */
  const getReady = async () => {
    for (const name of parts) await request('PATCH', `${deployments}/${name}/status`, { status: { readyReplicas: 1 } });
  };

  it('makes the shop and waits until all of it is ready', async () => {
    const stages: string[] = [];
    const deployed = deploy((stage) => {
      stages.push(stage);
      if (stage === 'pods') void getReady();
    });
    expect(await deployed).toBe('shop');
    expect(stages).toEqual(['objects', 'pods']);
    const program = await request<Found>('GET', '/api/v1/namespaces/shop/configmaps/web-program');
    expect(program.data).toEqual({ 'main.js': '// web' });
    expect(JSON.stringify(await request('GET', '/api/v1/namespaces/shop/secrets/club'))).toContain(
      Buffer.from(clubToken).toString('base64'),
    );
    const { items } = await request<{ items: Found[] }>('GET', deployments);
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(parts);
  });

  it('leaves what is there as it is', async () => {
    const secret = await request('GET', '/api/v1/namespaces/shop/secrets/club');
    await request('PATCH', `${deployments}/cart`, { spec: { replicas: 0 } });
    expect(await deploy(() => undefined)).toBe('shop');
    expect((await request<Found>('GET', `${deployments}/cart`)).spec?.replicas).toBe(0);
    expect(await request('GET', '/api/v1/namespaces/shop/secrets/club')).toEqual(secret);
  });

  it('ends when nobody waits any more', async () => {
    await request('PATCH', `${deployments}/web/status`, { status: { readyReplicas: 0 } });
    const abort = new AbortController();
    const onStage = (stage: string) => void (stage === 'pods' && abort.abort(new Error('enough')));
    await expect(deploy(onStage, abort.signal)).rejects.toThrow('enough');
  });

  it('says which program is not built', async () => {
    const thrown: unknown = await builtPrograms('/nowhere')('web').catch((error: unknown) => error);
    expect(AppError.from(thrown)).toMatchObject({ code: 'config.invalid', remedies: [{ command: 'npm run build' }] });
    expect(AppError.from(thrown).message).toContain('/nowhere/shop-web.cjs');
  });
});
