import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExecCredentials } from './exec-credentials.ts';

describe('the credential of a login program', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'exec-'));
    const script = `#!/bin/sh\necho run >>${join(directory, 'runs')}\necho '{"status":{"token":"t"}}'\n`;
    writeFileSync(join(directory, 'plugin'), script);
    chmodSync(join(directory, 'plugin'), 0o755);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(directory, { recursive: true });
  });

  const credentials = () =>
    new ExecCredentials({ name: 'dora', exec: { command: join(directory, 'plugin') } }, 'https://one.test:6443');
  const runs = () => readFileSync(join(directory, 'runs'), 'utf8').trim().split('\n').length;

  it('is asked for anew when the API server refuses it, unless it has just been', async () => {
    const options: RequestOptions = {};
    await credentials().apply(options);
    expect(options.headers).toEqual({ Authorization: 'Bearer t' });
    expect(credentials().refused()).toBe(false);
    await credentials().apply({});
    expect(runs()).toBe(1);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 60_000);
    expect(credentials().refused()).toBe(true);
    await credentials().apply({});
    expect(runs()).toBe(2);
  });
});
