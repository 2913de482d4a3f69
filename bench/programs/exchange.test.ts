import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { newConnections, roundTrips, type Target } from './exchange.ts';
import { requestRate } from './request-rate.ts';

const dialogue = { request: 'question', reply: 'the answer' };
const servers: net.Server[] = [];

async function serve(answer: (socket: net.Socket) => void): Promise<Target> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port };
}

const answering = (socket: net.Socket) => {
  socket.on('data', () => socket.write(dialogue.reply));
};

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe('the loads', () => {
  it('time round trips on one connection, without those that warm up', async () => {
    const result = await roundTrips(await serve(answering), dialogue, 100, 5_000);
    expect(result).toMatchObject({ count: 90, failures: 0 });
    expect(result.p50Ms).toBeGreaterThan(0);
  });

  it('count connections that are refused, closed or answered wrongly as failures', async () => {
    const closing = await serve((socket) => socket.end());
    expect(await newConnections(closing, dialogue, 3, 5_000)).toMatchObject({ count: 3, failures: 3 });
    const wrong = await serve((socket) => socket.on('data', () => socket.end('another')));
    expect(await newConnections(wrong, dialogue, 3, 5_000)).toMatchObject({ count: 3, failures: 3 });
    const right = await serve(answering);
    expect(await newConnections(right, dialogue, 3, 5_000)).toMatchObject({ count: 3, failures: 0 });
  });

  it('give no figure where nothing was answered', async () => {
    const closing = await serve((socket) => socket.end());
    const result = JSON.parse(JSON.stringify(await newConnections(closing, dialogue, 3, 5_000))) as object;
    expect(result).toEqual({ count: 3, failures: 3 });
  });

  it('say how many connections were lost beside requests a second', async () => {
    let isFirst = true;
    const target = await serve((socket) => {
      if (isFirst) socket.destroy();
      else answering(socket);
      isFirst = false;
    });
    const result = await requestRate(target, dialogue, 4, 20, 50);
    expect(result.failures).toBe(1);
    expect(result.perSecond).toBeGreaterThan(0);
  });
});
