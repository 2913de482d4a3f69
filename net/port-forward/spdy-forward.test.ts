import { createHash, randomBytes } from 'node:crypto';
import http, { type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createInflate } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeCredentials } from '#net/kube/kube-client.ts';
import { openPortForward } from './open-port-forward.ts';
import { PortForwardError } from './port-forward-target.ts';
import { openSpdyForward } from './spdy-forward.ts';
import { controlFrame, controlType, dataHeader, flagFin, readFrameHeader, synStream } from './spdy-frames.ts';

const target = { namespace: 'ns', pod: 'web-0', port: 8080 };
const timeoutMs = 5_000;

interface Frame {
  readonly header: ReturnType<typeof readFrameHeader>;
  readonly payload: Buffer;
}

/** Cuts what a client sends into frames. */
function readFrames(socket: Socket, onFrame: (frame: Frame) => void): void {
  let input = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    while (input.length >= 8) {
      const header = readFrameHeader(input);
      if (input.length < 8 + header.length) return;
      onFrame({ header, payload: input.subarray(8, 8 + header.length) });
      input = input.subarray(8 + header.length);
    }
  });
}

describe('SPDY frames', () => {
  it('carry header blocks that form one zlib stream', async () => {
    const frames = [
      synStream(1, { streamtype: 'error', port: '80' }, { isFirst: true }),
      synStream(3, { streamtype: 'data', port: '80' }, { isFirst: false }),
    ];
    const inflate = createInflate();
    const chunks: Buffer[] = [];
    inflate.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const frame of frames) await new Promise((resolve) => inflate.write(frame.subarray(18), resolve));
    const text = Buffer.concat(chunks);
    expect(text.subarray(0, 12).toString('hex')).toBe(`000000020000000a${Buffer.from('stre').toString('hex')}`);
    expect(text.toString('latin1')).toMatch(/streamtype.{4}error.{4}port.{4}80.{4}.{4}streamtype.{4}data/s);
  });

  it('begin with eight bytes', () => {
    expect(synStream(1, {}, { isFirst: false, flags: flagFin }).subarray(0, 8).toString('hex')).toBe('8003000101' + '000018');
    expect(readFrameHeader(dataHeader(3, 70_000, flagFin))).toEqual({ kind: 'data', streamId: 3, flags: 1, length: 70_000 });
  });
});

describe('port-forward by SPDY', () => {
  let server: Server;
  let credentials: KubeCredentials;
  let requested: string | undefined;
  let onForward: (socket: Socket, frame: Frame) => void;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    server = http.createServer();
    server.on('upgrade', (request, socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      const { authorization, upgrade } = request.headers;
      requested = `${request.method} ${request.url} ${upgrade} ${String(request.headers['x-stream-protocol-version'])} ${authorization}`;
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
      readFrames(socket, (frame) => onForward(socket, frame));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    credentials = {
      server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`),
      requestOptions: async () => ({ headers: { authorization: 'Bearer secret' } }),
    };
    onForward = () => undefined;
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    server.close();
  });

  it('asks for the pod with the credentials, and opens an error and a data stream', async () => {
    const opened = Promise.withResolvers<number[]>();
    const ids: number[] = [];
    onForward = (_socket, { header, payload }) => {
      if (header.kind !== 'control' || header.type !== controlType.synStream) return;
      ids.push(payload.readUInt32BE(0) * 10 + header.flags);
      if (ids.length === 2) opened.resolve(ids);
    };
    const forward = await openSpdyForward(credentials, target, { timeoutMs });
    expect(await opened.promise).toEqual([11, 30]);
    expect(requested).toBe('POST /prefix/api/v1/namespaces/ns/pods/web-0/portforward SPDY/3.1 portforward.k8s.io Bearer secret');
    forward.destroy();
  });

  it('carries bytes both ways, cut anywhere', async () => {
    onForward = (socket, { header, payload }) => {
      if (header.kind !== 'data') return;
      const answer = Buffer.concat([
        controlFrame(controlType.synReply, 0, Buffer.alloc(20)),
        dataHeader(3, payload.length),
        payload,
      ]);
      for (let at = 0; at < answer.length; at += 4_999) socket.write(answer.subarray(at, at + 4_999));
    };
    const forward = await openSpdyForward(credentials, target, { timeoutMs });
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let left = 0;
    for (let index = 0; index < 300; index += 1) {
      const block = randomBytes(1 + ((index * 7_919) % 60_000));
      sent.update(block);
      left += block.length;
      forward.write(block);
    }
    for await (const chunk of forward) {
      received.update(chunk as Buffer);
      left -= (chunk as Buffer).length;
      if (left === 0) break;
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('answers pings, and ends with the data stream', async () => {
    const pong = Promise.withResolvers<string>();
    const ping = Buffer.from([0, 0, 0, 2]);
    onForward = (socket, { header, payload }) => {
      if (header.kind === 'data') socket.write(controlFrame(controlType.ping, 0, ping));
      else if (header.type === controlType.ping) {
        pong.resolve(payload.toString('hex'));
        socket.write(dataHeader(3, 0, flagFin));
      }
    };
    const forward = await openSpdyForward(credentials, target, { timeoutMs });
    forward.write('x');
    const ended = new Promise((resolve) => forward.once('end', resolve).resume());
    expect(await pong.promise).toBe('00000002');
    await ended;
  });

  it('fails with the text of the error stream', async () => {
    onForward = (socket, { header }) => {
      if (header.kind !== 'data') return;
      const text = Buffer.from('connection refused in the pod\n');
      socket.write(Buffer.concat([dataHeader(1, text.length), text, dataHeader(1, 0, flagFin)]));
    };
    const forward = await openSpdyForward(credentials, target, { timeoutMs });
    forward.write('x');
    const failure = await new Promise<Error>((resolve) => forward.once('error', resolve).resume());
    expect(failure).toBeInstanceOf(PortForwardError);
    expect(failure.message).toBe('connection refused in the pod');
  });

  it('stops reading while nobody reads the stream', async () => {
    let written = 0;
    onForward = (socket, { header }) => {
      if (header.kind !== 'data') return;
      const block = Buffer.concat([dataHeader(3, 1 << 18), Buffer.alloc(1 << 18)]);
      const send = () => {
        socket.write(block, () => {
          written += block.length;
          if (written < 256 * 1024 * 1024) send();
        });
      };
      send();
    };
    const forward = await openSpdyForward(credentials, target, { timeoutMs });
    forward.once('readable', () => undefined);
    forward.write('x');
    await expect.poll(() => forward.readableLength, { timeout: 5_000 }).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(forward.readableLength).toBeLessThan(2 * 1024 * 1024);
    expect(written).toBeLessThan(64 * 1024 * 1024);
    forward.destroy();
  });

  it('gives up where it is told to', async () => {
    server.removeAllListeners('upgrade');
    server.on('upgrade', (_request, socket: Socket) => sockets.add(socket));
    await expect(openSpdyForward(credentials, target, { timeoutMs: 50 })).rejects.toThrow();
  });

  it('is not what ends by its own time-out once it is open', async () => {
    const forward = await openSpdyForward(credentials, target, { timeoutMs: 100 });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(forward.destroyed).toBe(false);
    forward.destroy();
  });

  it('names what the API server refuses, after WebSocket was refused as well', async () => {
    server.removeAllListeners('upgrade');
    server.on('upgrade', (request, socket) => {
      const body = JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: `cannot ${request.method}` });
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    await expect(openPortForward(credentials, target)).rejects.toMatchObject({
      name: 'KubeStatusError',
      status: 403,
      message: 'cannot POST',
    });
  });
});
