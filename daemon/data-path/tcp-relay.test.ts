import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { relay } from './tcp-relay.ts';
import { SocketPairs, TunnelPairs } from './testing/tunnel-pair.ts';

describe('a relayed connection', () => {
  let tunnels: TunnelPairs;
  let sockets: SocketPairs;
  let program: Socket;
  let accepted: Socket;
  let laptop: TunnelDuplex;
  let cluster: TunnelDuplex;
  let ended: Promise<void>;

  beforeEach(async () => {
    tunnels = new TunnelPairs();
    sockets = new SocketPairs();
    await Promise.all([tunnels.start(), sockets.start()]);
    ({ program, accepted } = await sockets.open());
    ({ laptop, cluster } = await tunnels.open());
    ended = relay(accepted, laptop);
  });

  afterEach(async () => {
    await Promise.all([tunnels.stop(), sockets.stop()]);
  });

  const failureOf = async (stream: Readable) => {
    stream.resume();
    const [error] = (await once(stream, 'error')) as [NodeJS.ErrnoException];
    return error.code;
  };

  it('keeps the answer coming after the program has said all', async () => {
    program.end('question');
    expect(await text(cluster)).toBe('question');
    cluster.end('answer');
    expect(await text(program)).toBe('answer');
    await ended;
  });

  it('keeps the question going after the cluster has said all', async () => {
    cluster.end('goodbye');
    expect(await text(program)).toBe('goodbye');
    program.end('question');
    expect(await text(cluster)).toBe('question');
    await ended;
  });

  it('loses nothing that is on its way when the program ends last and the cluster reads slowly', async () => {
    cluster.end();
    expect(await text(program)).toBe('');
    const block = randomBytes(1 << 20);
    const sent = createHash('sha256');
    for (let count = 0; count < 8; count += 1) {
      sent.update(block);
      if (!program.write(block)) await Promise.race([once(program, 'drain'), new Promise((resolve) => setTimeout(resolve, 100))]);
    }
    program.end();
    const received = createHash('sha256');
    for await (const chunk of cluster) {
      received.update(chunk as Buffer);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    await ended;
  });

  it('resets the program where the cluster resets', async () => {
    const failure = failureOf(program);
    cluster.destroy();
    expect(await failure).toBe('ECONNRESET');
    await ended;
  });

  it('resets the cluster where the program resets', async () => {
    const failure = failureOf(cluster);
    program.resetAndDestroy();
    expect(await failure).toBe('ECONNRESET');
    await ended;
  });

  it('resets the program where the way to the cluster breaks', async () => {
    const failure = failureOf(program);
    tunnels.cut();
    expect(await failure).toBe('ECONNRESET');
    await ended;
  });

  it("ends the program's connection where the tunnel is ended here, even after the cluster had said all", async () => {
    cluster.end();
    expect(await text(program)).toBe('');
    laptop.destroy();
    await ended;
    expect(accepted.destroyed).toBe(true);
  });

  it('resets the cluster where the socket is ended here', async () => {
    const failure = failureOf(cluster);
    accepted.resetAndDestroy();
    expect(await failure).toBe('ECONNRESET');
    await ended;
  });

  it('stands still while the program does not read', async () => {
    cluster.resume();
    const block = Buffer.alloc(64 * 1024);
    let written = 0;
    let isStalled = false;
    while (!isStalled && written < 64 * 1024 * 1024) {
      written += block.length;
      if (cluster.write(block)) continue;
      const stalled = new Promise<boolean>((resolve) => setTimeout(resolve, 300, true));
      isStalled = await Promise.race([once(cluster, 'drain').then(() => false), stalled]);
    }
    expect(isStalled).toBe(true);
    expect(laptop.readableLength + accepted.writableLength).toBeLessThan(4 * 1024 * 1024);
    const failure = failureOf(cluster);
    program.resetAndDestroy();
    expect(await failure).toBe('ECONNRESET');
    await ended;
  });
});
