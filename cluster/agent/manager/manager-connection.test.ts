import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ManagerConnection } from './manager-connection.ts';

const sockets: Socket[] = [];
// Takes connections and never says anything: to HTTP/2 that is a connection under way.
const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  silent.close();
});

it('keeps a connection that was made', async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const connection = new ManagerConnection(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const session = connection.session();
  await once(session, 'connect');
  expect(connection.session()).toBe(session);
  connection.destroy();
});
