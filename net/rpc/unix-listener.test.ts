import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectApi } from './connect-api.ts';
import { listenUnix, type UnixListener } from './unix-listener.ts';

let base = '';
let path = '';
const listeners: (UnixListener | undefined)[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'listener-'));
  path = join(base, 'run', 'daemon.sock');
});

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener?.close();
  rmSync(base, { recursive: true, force: true });
});

async function listen(): Promise<UnixListener | undefined> {
  const listener = await listenUnix(path, (channel) => channel.open({ message: () => undefined, closed: () => undefined }));
  listeners.push(listener);
  return listener;
}

/** What a daemon leaves behind that was killed. */
async function leaveStaleSocket(): Promise<void> {
  mkdirSync(join(base, 'run'), { mode: 0o700 });
  const script = 'require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  await once(spawn(process.execPath, ['-e', script, path]), 'exit');
  expect(existsSync(path)).toBe(true);
}

describe('listenUnix', () => {
  it('makes a socket and a directory that only this user can use, and takes the socket away again', async () => {
    const listener = await listen();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(base, 'run')).mode & 0o777).toBe(0o700);
    await listener?.close();
    expect(existsSync(path)).toBe(false);
  });

  it('leaves a live socket to its owner', async () => {
    await listen();
    expect(await listen()).toBeUndefined();
  });

  it('replaces the socket of a dead process', async () => {
    await leaveStaleSocket();
    expect(await listen()).toBeDefined();
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('lets exactly one of several replace the socket of a dead process', async () => {
    await leaveStaleSocket();
    const all = await Promise.all(Array.from({ length: 8 }, listen));
    expect(all.filter((listener) => listener !== undefined)).toHaveLength(1);
  });

  it('closes although a client does not read', async () => {
    const listener = await listenUnix(path, (channel) => {
      channel.open({ message: () => undefined, closed: () => undefined });
      channel.send('x'.repeat(10_000_000));
    });
    const { connect } = await import('node:net');
    const socket = connect(path);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    await listener?.close();
    socket.destroy();
  });
});

describe.skipIf(process.getuid?.() !== 0)('a directory of another user (needs root to make one)', () => {
  it('is refused by daemon and client', async () => {
    mkdirSync(join(base, 'run'), { mode: 0o700 });
    chownSync(join(base, 'run'), 12_345, 12_345);
    await expect(listen()).rejects.toMatchObject({ code: 'daemon.start-failed' });
    await expect(connectApi(path)).rejects.toMatchObject({
      code: 'daemon.refused',
      message: expect.stringContaining('another user') as string,
    });
  });
});
