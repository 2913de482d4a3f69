import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { helperProtocolVersion } from '#protocol/helper/helper-api.ts';
import { HelperClient } from './helper-client.ts';

describe('helper client', () => {
  let directory: string;
  let path: string;
  let server: Server;
  let answer: (socket: Socket, request: { id: number; call: string }) => void;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'helper-client-'));
    path = join(directory, 'helper.sock');
    answer = () => undefined;
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (line) => {
        for (const text of String(line).trim().split('\n')) {
          const request = JSON.parse(text) as { id: number; call: string };
          if (request.call === 'hello') reply(socket, { id: request.id, output: { version: helperProtocolVersion, pid: 1 } });
          else answer(socket, request);
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
  });
  afterEach(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  it('says that no helper is running', async () => {
    await expect(HelperClient.connect(join(directory, 'nobody.sock'))).rejects.toMatchObject({ code: 'helper.not-running' });
  });

  it('ends calls in flight, and tells its owner, when the helper dies', async () => {
    answer = (socket) => socket.destroy();
    const client = await HelperClient.connect(path);
    await expect(client.call('quit', {})).rejects.toMatchObject({ code: 'helper.not-running' });
    await expect(client.closed).resolves.toBeUndefined();
    await expect(client.call('quit', {})).rejects.toMatchObject({ code: 'helper.not-running' });
  });

  it('passes the helper’s error on with its remedies', async () => {
    const error = { code: 'interface.no-tun', message: 'm', reason: 'r', remedies: [{ label: 'l', command: 'c' }] };
    answer = (socket, { id }) => reply(socket, { id, error });
    const client = await HelperClient.connect(path);
    await expect(client.call('quit', {})).rejects.toMatchObject(error);
    answer = (socket, { id }) => reply(socket, { id, error: { code: 'from-the-future', message: 'm' } });
    await expect(client.call('quit', {})).rejects.toMatchObject({ code: 'internal', message: 'm' });
    await client.close();
  });

  it('matches answers to calls by their number', async () => {
    const waiting: { readonly socket: Socket; readonly id: number; readonly call: string }[] = [];
    answer = (socket, { id, call }) => {
      waiting.unshift({ socket, id, call });
      if (waiting.length < 2) return;
      for (const each of waiting) {
        reply(each.socket, { id: each.id, output: each.call === 'setRoutes' ? { added: ['10.0.0.0/8'], removed: [] } : {} });
      }
    };
    const client = await HelperClient.connect(path);
    const routes = client.call('setRoutes', { interface: 'tel0', routes: ['10.0.0.0/8'], reserved: [] });
    const cleared = client.call('clearDns', { interface: 'tel0' });
    await expect(routes).resolves.toEqual({ added: ['10.0.0.0/8'], removed: [] });
    await expect(cleared).resolves.toEqual({});
    await client.close();
  });

  it('does not send what the helper would cut off', async () => {
    const client = await HelperClient.connect(path);
    const routes = Array.from({ length: 7_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
    await expect(client.call('setRoutes', { interface: 'tel0', routes, reserved: [] })).rejects.toMatchObject({
      code: 'helper.invalid-request',
    });
    await client.close();
    await client.close();
  });

  it('stops connecting when told to', async () => {
    await expect(HelperClient.connect(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

function reply(socket: Socket, value: unknown): void {
  socket.write(`${JSON.stringify(value)}\n`);
}
