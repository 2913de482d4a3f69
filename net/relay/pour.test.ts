import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { pour } from './pour.ts';

const disposers: (() => unknown)[] = [];

afterEach(() => {
  for (const dispose of disposers.splice(0)) dispose();
});

/** Both ends of a connection. */
async function connection(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  disposers.push(
    () => near.destroy(),
    () => far.destroy(),
    () => server.close(),
  );
  return { near, far };
}

describe('pour', () => {
  it('keeps the order of small and large pieces, and ends the socket behind the last', async () => {
    const { near, far } = await connection();
    const source = new PassThrough();
    const received = buffer(far);
    pour(source, near);
    const pieces = Array.from({ length: 60 }, (_, index) => Buffer.alloc(index % 3 === 0 ? 10 : 16 * 1024, index));
    for (const piece of pieces) source.write(piece);
    source.end();
    expect((await received).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('holds up the source while the far side does not read', async () => {
    const { near, far } = await connection();
    const source = new PassThrough();
    pour(source, near);
    const total = 32 * 1024 * 1024;
    const piece = Buffer.alloc(16 * 1024);
    let written = 0;
    while (source.write(piece)) written += piece.length;
    const stands = once(source, 'pause');
    const feed = (async () => {
      while (written < total) {
        if (!source.write(piece)) await once(source, 'drain');
        written += piece.length;
      }
      source.end();
    })();
    await stands;
    expect(written).toBeLessThan(total);
    let received = 0;
    far.on('data', (chunk: Buffer) => (received += chunk.length));
    await Promise.all([feed, once(far, 'end')]);
    expect(received).toBeGreaterThanOrEqual(total);
  });
});
