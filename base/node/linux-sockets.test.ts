import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectUnix, descriptorOf, peerCredentials, receiveDescriptors, sendDescriptors, writeAll } from './linux-sockets.ts';

describe.skipIf(process.platform !== 'linux')('Linux sockets (skipped elsewhere)', () => {
  let directory: string;
  let path: string;
  let server: Server;
  let raw: number;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sockets-'));
    path = join(directory, 'test.sock');
  });
  afterEach(() => {
    closeSync(raw);
    server.close();
    rmSync(directory, { recursive: true });
  });

  it('passes descriptors that work at the other end and close on exec', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, 'content');
    server = createServer((socket) => {
      socket.once('data', (data) => {
        const opened = [openSync(file, 'r'), openSync(file, 'r'), openSync(file, 'r')];
        sendDescriptors(descriptorOf(socket), data, opened);
        for (const descriptor of opened) closeSync(descriptor);
        socket.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    raw = connectUnix(path, 2_000);
    writeAll(raw, Buffer.from('f'));
    const { data, descriptors } = await receiveDescriptors(raw, 64);
    expect(data.toString()).toBe('f');
    expect(descriptors).toHaveLength(3);
    for (const descriptor of descriptors) {
      expect(readFileSync(descriptor, 'utf8')).toBe('content');
      expect(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')).toMatch(/flags:\t02\d{6}\n/);
      closeSync(descriptor);
    }
    await expect(receiveDescriptors(raw, 64)).resolves.toEqual({ data: Buffer.alloc(0), descriptors: [] });
  });

  it('tells who is at the other end', async () => {
    server = createServer((socket) => {
      const { pid, uid } = peerCredentials(descriptorOf(socket));
      socket.end(`${pid} ${uid}`);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    raw = connectUnix(path, 2_000);
    const { data, descriptors } = await receiveDescriptors(raw, 64);
    expect(data.toString()).toBe(`${process.pid} ${process.getuid?.()}`);
    expect(descriptors).toEqual([]);
  });

  it('gives up when nothing comes within the time-out', async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    raw = connectUnix(path, 20);
    await expect(receiveDescriptors(raw, 64)).resolves.toEqual({ data: Buffer.alloc(0), descriptors: [] });
  });

  it('fails with the name of the error', () => {
    server = createServer();
    raw = openSync('/dev/null', 'r');
    expect(() => connectUnix(join(directory, 'nobody.sock'), 10)).toThrow('connect: ENOENT');
    expect(() => peerCredentials(raw)).toThrow('getsockopt: ENOTSOCK');
  });
});
