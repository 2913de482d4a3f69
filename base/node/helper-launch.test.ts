import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { helperCommand, waitForHelper } from './helper-launch.ts';

const launch = { nodePath: '/opt/node', helperScript: '/opt/helper.js', instance: '0123456789ab', uid: 1000 };

describe('helper launch', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'launch-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('goes through sudo unless the caller is root', () => {
    const helper = ['/opt/helper.js', '--instance', '0123456789ab', '--uid', '1000', '--detach'];
    expect(helperCommand({ ...launch, asRoot: true })).toEqual({ file: '/opt/node', args: helper });
    expect(helperCommand({ ...launch, asRoot: false })).toEqual({ file: 'sudo', args: ['--', '/opt/node', ...helper] });
  });

  it('waits until somebody listens', async () => {
    const path = join(directory, 'helper.sock');
    const waiting = waitForHelper(path, 5_000);
    const server = createServer((socket) => socket.destroy()).listen(path);
    await expect(waiting).resolves.toBeUndefined();
    server.close();
  });

  it('gives up after the time-out, or when told to', async () => {
    const path = join(directory, 'nobody.sock');
    await expect(waitForHelper(path, 10)).rejects.toMatchObject({ code: 'helper.not-running' });
    await expect(waitForHelper(path, 10, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
