import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inClusterCredentials } from './in-cluster.ts';

describe('in-cluster credentials', () => {
  let directory: string;
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'service-account-'));
    writeFileSync(join(directory, 'ca.crt'), 'authority');
    writeFileSync(join(directory, 'token'), 'first\n');
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('reads the token again when it may have been rotated', async () => {
    let now = 0;
    const credentials = await inClusterCredentials(env, { directory, now: () => now });
    expect(credentials.server.href).toBe('https://[fd00::1]:6443/');
    writeFileSync(join(directory, 'token'), 'second\n');
    expect(await credentials.requestOptions()).toEqual({ ca: 'authority', headers: { authorization: 'Bearer first' } });
    now = 60_000;
    expect(await credentials.requestOptions()).toMatchObject({ headers: { authorization: 'Bearer second' } });
  });

  it('says what is missing outside of a pod', async () => {
    await expect(inClusterCredentials({}, { directory })).rejects.toThrow('KUBERNETES_SERVICE_HOST');
    await expect(inClusterCredentials(env, { directory: join(directory, 'none') })).rejects.toMatchObject({
      code: 'cluster.unauthenticated',
    });
  });
});
