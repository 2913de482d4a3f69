import { createHash, randomBytes } from 'node:crypto';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { KubeCredentials } from '#net/kube/kube-client.ts';
import { PortForwardError } from './port-forward-target.ts';
import { openWebSocketForward } from './web-socket-forward.ts';

const timeoutMs = 5_000;

const target = { namespace: 'ns', pod: 'web-0', port: 8080 };
const announcement = (channel: number) => Buffer.from([channel, 0x90, 0x1f]);

describe('port-forward', () => {
  let server: Server;
  let sockets: WebSocketServer;
  let credentials: KubeCredentials;
  let onForward: (socket: WebSocket) => void;
  let requested: string | undefined;

  beforeEach(async () => {
    server = http.createServer();
    sockets = new WebSocketServer({ server, handleProtocols: () => 'v4.channel.k8s.io' });
    sockets.on('connection', (socket, request) => {
      requested = `${request.url} ${request.headers.authorization}`;
      socket.send(announcement(0));
      socket.send(announcement(1));
      onForward(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    credentials = {
      server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`),
      requestOptions: async () => ({ headers: { authorization: 'Bearer secret' } }),
    };
  });

  afterEach(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });

  it('asks for the pod and port with the credentials', async () => {
    onForward = () => undefined;
    const stream = await openWebSocketForward(credentials, target, { timeoutMs });
    expect(requested).toBe('/prefix/api/v1/namespaces/ns/pods/web-0/portforward?ports=8080 Bearer secret');
    stream.destroy();
  });

  it('carries bytes both ways, small writes joined, none lost', async () => {
    onForward = (socket) => {
      socket.on('message', (message: Buffer) => {
        expect(message[0]).toBe(0);
        socket.send(message);
      });
    };
    const stream = await openWebSocketForward(credentials, target, { timeoutMs });
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let left = 0;
    const blocks = Array.from({ length: 400 }, (_, index) => randomBytes(1 + ((index * 7919) % 60_000)));
    for (const block of blocks) {
      sent.update(block);
      left += block.length;
      stream.write(block);
    }
    for await (const chunk of stream) {
      received.update(chunk as Buffer);
      left -= (chunk as Buffer).length;
      if (left === 0) break;
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('ends when the API server ends, and fails with the text of the error channel', async () => {
    onForward = (socket) => socket.close();
    const ended = await openWebSocketForward(credentials, target, { timeoutMs });
    await new Promise((resolve) => ended.once('end', resolve).resume());

    onForward = (socket) => socket.send(Buffer.concat([Buffer.from([1]), Buffer.from('connection refused in the pod\n')]));
    const failed = await openWebSocketForward(credentials, target, { timeoutMs });
    const failure = await new Promise<Error>((resolve) => failed.once('error', resolve).resume());
    expect(failure).toBeInstanceOf(PortForwardError);
    expect(failure.message).toBe('connection refused in the pod');
  });

  it('stops reading from the API server while nobody reads the stream', async () => {
    let sent = 0;
    onForward = (socket) => {
      const block = Buffer.alloc(256 * 1024);
      const send = () => {
        socket.send(block, () => {
          sent += block.length;
          if (sent < 256 * 1024 * 1024) send();
        });
      };
      send();
    };
    const stream = await openWebSocketForward(credentials, target, { timeoutMs });
    stream.once('readable', () => undefined);
    await expect.poll(() => stream.readableLength, { timeout: 5_000 }).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(stream.readableLength).toBeLessThan(2 * 1024 * 1024);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    stream.destroy();
  });

  it('names what the API server refuses', async () => {
    server.removeAllListeners('upgrade');
    server.on('upgrade', (_request, socket) => {
      const body = JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'pods "web-0" is forbidden' });
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    await expect(openWebSocketForward(credentials, target, { timeoutMs })).rejects.toMatchObject({
      name: 'KubeStatusError',
      status: 403,
      reason: 'Forbidden',
      message: 'pods "web-0" is forbidden',
    });
  });

  it('gives up where it is told to', async () => {
    server.removeAllListeners('upgrade');
    server.on('upgrade', () => undefined);
    await expect(openWebSocketForward(credentials, target, { timeoutMs: 100 })).rejects.toThrow();
    await expect(openWebSocketForward(credentials, target, { timeoutMs, signal: AbortSignal.timeout(50) })).rejects.toMatchObject(
      { name: 'TimeoutError' },
    );
  });
});
