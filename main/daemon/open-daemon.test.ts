import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFakeDaemon } from '#net/rpc/testing/fake-daemon.ts';
import { openDaemon } from './open-daemon.ts';

let directory = '';
let daemonSocket = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-daemon-'));
  daemonSocket = join(directory, 'run/daemon.sock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('asks a daemon of another version to quit before it starts its own', async () => {
  let isAsked = false;
  const old = await startFakeDaemon({
    path: daemonSocket,
    version: '0.0.9',
    handlers: {
      quit: async () => {
        isAsked = true;
        setImmediate(() => void old.close());
        return {};
      },
    },
  });
  // A daemon that ends at once shows that one was started.
  const daemonScript = join(directory, 'daemon.cjs');
  writeFileSync(daemonScript, `console.error('started'); process.exit(3);`);
  const paths = { daemonSocket, logDirectory: join(directory, 'logs') };
  const signal = AbortSignal.timeout(10_000);
  const opened = openDaemon({ nodePath: process.execPath, daemonScript, paths, env: process.env, signal });
  await expect(opened).rejects.toMatchObject({ code: 'daemon.start-failed', reason: 'started' });
  expect(isAsked).toBe(true);
});

// Root may use every socket, and only root can give a folder away.
test.skipIf(process.getuid?.() !== 0)(
  'starts nothing where the daemon’s folder is another user’s (needs root to make one)',
  async () => {
    mkdirSync(join(directory, 'run'), { recursive: true, mode: 0o700 });
    chownSync(join(directory, 'run'), 12_345, 12_345);
    const daemonScript = join(directory, 'daemon.cjs');
    const started = join(directory, 'started');
    writeFileSync(daemonScript, `require('node:fs').writeFileSync(${JSON.stringify(started)}, ''); process.exit(3);`);
    const paths = { daemonSocket, logDirectory: join(directory, 'logs') };
    const signal = AbortSignal.timeout(10_000);
    const opened = openDaemon({ nodePath: process.execPath, daemonScript, paths, env: process.env, signal });
    await expect(opened).rejects.toMatchObject({
      code: 'daemon.refused',
      message: expect.stringContaining('another user') as unknown,
    });
    expect(existsSync(started)).toBe(false);
  },
);
