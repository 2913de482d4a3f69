import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchDaemon } from './launch-daemon.ts';

describe('the start of a daemon', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tp-launch-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('leaves no daemon that nobody could find when it is given up', async () => {
    const [script, started] = [join(directory, 'daemon.cjs'), join(directory, 'pid')];
    writeFileSync(
      script,
      `require('node:fs').writeFileSync(${JSON.stringify(started)}, String(process.pid)); setInterval(() => 0, 1e6);`,
    );
    const giveUp = new AbortController();
    const launched = launchDaemon({
      nodePath: process.execPath,
      daemonScript: script,
      paths: { daemonSocket: join(directory, 'daemon.sock'), logDirectory: join(directory, 'logs') },
      env: process.env,
      signal: giveUp.signal,
    });
    const failed = expect(launched).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => existsSync(started) && readFileSync(started, 'utf8') !== '', { timeout: 10_000 }).toBe(true);
    const pid = Number(readFileSync(started, 'utf8'));
    giveUp.abort();
    await failed;
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 10_000 }).toBe(false);
  });
});
