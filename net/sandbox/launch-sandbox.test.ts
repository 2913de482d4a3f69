import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitForPath } from '#base/node/process-start.ts';
import { launchSandbox } from './launch-sandbox.ts';

describe.skipIf(process.platform !== 'linux')('launchSandbox', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'launch-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('ends what it has started when nobody waits for it any more', async () => {
    const script = join(directory, 'sandbox.cjs');
    const pidFile = join(directory, 'pid');
    // One that never gets ready.
    writeFileSync(
      script,
      `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000);`,
    );
    const interrupted = new AbortController();
    const launched = launchSandbox({
      paths: { runtimeDirectory: directory, logDirectory: join(directory, 'logs') },
      signal: interrupted.signal,
      onStage: () => undefined,
      nodePath: process.execPath,
      script,
      env: process.env,
      flags: {},
    });
    const pid = await waitForPath(
      pidFile,
      async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined,
      AbortSignal.timeout(10_000),
    );
    expect(pid).toBeGreaterThan(0);
    interrupted.abort();
    await expect(launched).rejects.toMatchObject({ code: 'cancelled' });
    expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH');
  });
});
