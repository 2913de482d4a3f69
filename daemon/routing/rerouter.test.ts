import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { freePort } from '#net/testing/free-port.ts';
import { Rerouter } from './rerouter.ts';
import type { LocalReroute } from './reroutes.ts';

describe('rerouting', () => {
  let service: Server;
  let rerouter: Rerouter | undefined;
  let localPort: number;
  const servicePort = () => (service.address() as AddressInfo).port;
  const start = async (change: Partial<LocalReroute> = {}) => {
    const reroute: LocalReroute = { localPort, host: '127.0.0.1', port: servicePort(), protocol: 'tcp', ...change };
    rerouter = new Rerouter([], [reroute], silentLogger);
    await rerouter.start();
    return rerouter;
  };

  beforeEach(async () => {
    service = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      void text(socket).then(
        (question) => socket.end(`answer to ${question}`),
        () => undefined,
      );
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    localPort = await freePort();
  });

  afterEach(async () => {
    rerouter?.stop();
    await new Promise((resolve) => service.close(resolve));
  });

  it('leads a local port to the service, half-closes included', async () => {
    await start();
    const socket = connect({ port: localPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('question');
    expect(await text(socket)).toBe('answer to question');
  });

  it('ends its connections and its port when it stops', async () => {
    const started = await start();
    const socket = connect({ port: localPort, host: '127.0.0.1' });
    const accepted = once(service, 'connection');
    await once(socket, 'connect');
    await accepted;
    const closed = once(socket, 'close').catch(() => undefined);
    started.stop();
    socket.resume();
    await closed;
    const late = connect({ port: localPort, host: '127.0.0.1' });
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('outlives a program that goes away at once, and a port that has no name', async () => {
    await start({ port: 'http' });
    for (let count = 0; count < 5; count += 1) {
      const socket = connect({ port: localPort, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    const socket = connect({ port: localPort, host: '127.0.0.1' });
    socket.resume();
    await once(socket, 'close').catch(() => undefined);
  });

  it('says which port is taken', async () => {
    await expect(start({ localPort: servicePort() })).rejects.toMatchObject({
      code: 'usage',
      message: `The local port ${servicePort()} cannot be used`,
      reason: 'Another program listens there',
    });
  });

  it('carries datagrams and their answers, and outlives its end', async () => {
    const echo: UdpSocket = createSocket('udp4');
    echo.on('message', (datagram, from) => echo.send(datagram, from.port, from.address));
    await new Promise<void>((resolve) => echo.bind(0, '127.0.0.1', resolve));
    const started = await start({ protocol: 'udp', port: echo.address().port });
    const program = createSocket('udp4');
    program.send('ping', localPort, '127.0.0.1');
    const [answer] = (await once(program, 'message')) as [Buffer];
    expect(answer.toString()).toBe('ping');
    program.send('late', localPort, '127.0.0.1');
    const heard = once(echo, 'message');
    await heard;
    started.stop();
    await new Promise((resolve) => setImmediate(resolve));
    program.close();
    echo.close();
  });
});
