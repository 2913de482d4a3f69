import dgram from 'node:dgram';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseIp } from '#base/common/ip.ts';
import { isDialable } from '#net/relay/dial-policy.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import { TestManager } from '../test-manager.ts';

describe('tunnels', () => {
  let bed: TestManager;
  const cleanups: (() => unknown)[] = [];

  beforeEach(async () => {
    bed = await TestManager.start();
  });

  afterEach(async () => {
    await bed.stop();
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  /** A TCP server in the "cluster"; returns its port. */
  async function serve(onConnection: (socket: Socket) => void): Promise<{ readonly port: number; readonly server: Server }> {
    const sockets = new Set<Socket>();
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, server };
  }

  it('carry bytes both ways and end in order after both half closes', async () => {
    const { port } = await serve((socket) => void text(socket).then((question) => socket.end(`answer to ${question}`)));
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    expect(bed.manager.tunnelCount).toBe(1);
    tunnel.end('question');
    expect(await text(tunnel)).toBe('answer to question');
    if (!tunnel.closed) await once(tunnel, 'close');
    await closedInManager();
  });

  it('pass on a half close of the destination while the laptop goes on', async () => {
    const received: Promise<string>[] = [];
    const { port } = await serve((socket) => {
      received.push(text(socket));
      socket.end('hello');
    });
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    expect(await text(tunnel)).toBe('hello');
    tunnel.end('still here');
    expect(await received[0]).toBe('still here');
  });

  it('are rejected where nobody listens', async () => {
    const { port, server } = await serve(() => undefined);
    server.close();
    await expect(bed.open('tcp', port).dialled).rejects.toBeInstanceOf(DialRejectedError);
    await closedInManager();
  });

  it('are rejected without a session, and tell the laptop to arrive anew', async () => {
    let wasDialled = false;
    const { port } = await serve(() => (wasDialled = true));
    const trailers = new Promise<IncomingHttpHeaders>((resolve) => {
      const request = bed.tunnelSession.request.bind(bed.tunnelSession);
      vi.spyOn(bed.tunnelSession, 'request').mockImplementationOnce((headers, options) => {
        const stream = request(headers, options);
        stream.once('trailers', resolve);
        return stream;
      });
    });
    const tunnel = bed.open('tcp', port, { sessionId: 'nobody' });
    await expect(tunnel.dialled).rejects.toBeInstanceOf(DialRejectedError);
    expect((await trailers)['grpc-status']).toBe('5');
    expect(wasDialled).toBe(false);
  });

  it('reset the destination when the laptop resets', async () => {
    const error = Promise.withResolvers<NodeJS.ErrnoException>();
    const { port } = await serve((socket) => {
      socket.removeAllListeners('error').once('error', error.resolve);
      socket.resume();
    });
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    tunnel.destroy();
    expect((await error.promise).code).toBe('ECONNRESET');
  });

  it('reset the laptop when the destination resets', async () => {
    const { port } = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    const failure = once(tunnel, 'error');
    tunnel.resume();
    tunnel.write('x');
    expect((await failure)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('end with their session', async () => {
    const { port } = await serve((socket) => socket.resume());
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    const closed = new Promise((resolve) => tunnel.once('close', resolve));
    tunnel.resume();
    await bed.laptop.depart(bed.session);
    await closed;
    await closedInManager();
  });

  it('carry datagrams one by one', async () => {
    const { port, socket } = await udpEcho();
    const tunnel = bed.open('udp', port);
    const got: string[] = [];
    const three = Promise.withResolvers<void>();
    tunnel.on('data', (datagram: Buffer) => {
      got.push(datagram.toString());
      if (got.length === 3) three.resolve();
    });
    for (const datagram of ['one', '', 'x'.repeat(9_000)]) tunnel.write(Buffer.from(datagram));
    await three.promise;
    expect(got).toEqual(['one', '', 'x'.repeat(9_000)]);
    tunnel.destroy();
    await closedInManager();
    socket.close();
  });

  it('keep a UDP flow to a port where nobody listens yet', async () => {
    const { port, socket } = await udpEcho();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const tunnel = bed.open('udp', port);
    await tunnel.dialled;
    tunnel.write(Buffer.from('lost'));
    const again = await udpEcho(port);
    const found = Promise.withResolvers<void>();
    tunnel.on('data', (datagram: Buffer) => {
      if (datagram.toString() === 'found') found.resolve();
    });
    const retry = setInterval(() => tunnel.write(Buffer.from('found')), 20);
    await found.promise;
    clearInterval(retry);
    again.socket.close();
  });

  it('keep the bytes of many busy connections apart, while others are reset', async () => {
    const mebibyte = 1024 * 1024;
    // Each connection sends its own byte, 4 MiB of it in pieces of any size.
    let turn = 0;
    const { port } = await serve((socket) => {
      turn += 1;
      const block = Buffer.alloc(mebibyte, turn);
      socket.resume();
      for (let at = 0; at < 4 * mebibyte; ) {
        const bytes = Math.min(1 + ((at * 7_919) % 300_000), 4 * mebibyte - at);
        socket.write(block.subarray(0, bytes));
        at += bytes;
      }
      socket.end();
    });
    const received = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const tunnel = bed.open('tcp', port);
        await tunnel.dialled;
        const values = new Set<number>();
        let bytes = 0;
        for await (const chunk of tunnel as AsyncIterable<Buffer>) {
          for (let at = 0; at < chunk.length; at += 1) values.add(chunk[at] ?? -1);
          bytes += chunk.length;
          // Every third is given up halfway, with bytes on their way.
          if (index % 3 === 0 && bytes > mebibyte) break;
        }
        tunnel.end();
        return { bytes, values: values.size, isWhole: index % 3 !== 0 };
      }),
    );
    for (const { bytes, values, isWhole } of received) {
      expect(values).toBe(1);
      if (isWhole) expect(bytes).toBe(4 * mebibyte);
    }
    await closedInManager();
  });

  it('stop eight fast senders whose reader stands still, at a bounded cost', async () => {
    const block = Buffer.alloc(64 * 1024);
    let sent = 0;
    const { port } = await serve((socket) => {
      const send = () => {
        let hasRoom = true;
        while (hasRoom && !socket.destroyed) {
          hasRoom = socket.write(block);
          sent += block.length;
        }
      };
      socket.on('drain', send);
      socket.resume();
      send();
    });
    const before = process.memoryUsage.rss();
    const tunnels = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const tunnel = bed.open('tcp', port);
        await tunnel.dialled;
        return tunnel;
      }),
    );
    for (let last = -1; last !== sent; ) {
      last = sent;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    // Each: window 2 MiB, both kernels' socket buffers, and some 100 KiB of ours.
    expect(sent).toBeLessThan(8 * 12 * 1024 * 1024);
    expect(process.memoryUsage.rss() - before).toBeLessThan(120 * 1024 * 1024);
    for (const tunnel of tunnels) tunnel.destroy();
    await closedInManager();
  });

  it('stop a laptop whose destination stands still', async () => {
    const { port } = await serve((socket) => socket.pause());
    const tunnel = bed.open('tcp', port);
    await tunnel.dialled;
    const block = Buffer.alloc(64 * 1024);
    let written = 0;
    for (let isStalled = false; !isStalled && written < 64 * 1024 * 1024; ) {
      written += block.length;
      if (tunnel.write(block)) continue;
      const timer = new Promise<boolean>((resolve) => setTimeout(resolve, 300, true));
      isStalled = await Promise.race([timer, once(tunnel, 'drain').then(() => false)]);
    }
    expect(written).toBeLessThan(24 * 1024 * 1024);
    tunnel.destroy();
  });

  it('work two thousand at a time on one connection', async () => {
    const { port } = await serve((socket) => socket.pipe(socket));
    const tunnels = await Promise.all(
      Array.from({ length: 2_000 }, async () => {
        const tunnel = bed.open('tcp', port);
        await tunnel.dialled;
        return tunnel;
      }),
    );
    expect(bed.manager.tunnelCount).toBe(2_000);
    const answers = await Promise.all(
      tunnels.map(async (tunnel, index) => {
        tunnel.write(`tunnel ${index}`);
        const [answer] = (await once(tunnel, 'data')) as [Buffer];
        return answer.toString();
      }),
    );
    expect(answers).toEqual(tunnels.map((_tunnel, index) => `tunnel ${index}`));
    for (const tunnel of tunnels) tunnel.destroy();
    await closedInManager();
  }, 20_000);

  async function udpEcho(at = 0): Promise<{ readonly port: number; readonly socket: dgram.Socket }> {
    const socket = dgram.createSocket('udp4');
    socket.on('message', (message, peer) => socket.send(message, peer.port, peer.address));
    await new Promise<void>((resolve) => socket.bind(at, '127.0.0.1', resolve));
    return { port: socket.address().port, socket };
  }

  async function closedInManager(): Promise<void> {
    // The far side of a closed tunnel follows within a round trip.
    await expect.poll(() => bed.manager.tunnelCount, { timeout: 4_000, interval: 10 }).toBe(0);
  }
});

describe('dial policy', () => {
  it.each([
    ['10.96.0.1', true],
    ['169.254.20.10', true],
    ['fd00::1', true],
    ['127.0.0.1', false],
    ['::1', false],
    ['0.0.0.0', false],
    ['224.0.0.251', false],
    ['255.255.255.255', false],
    ['ff02::1', false],
  ])('%s: %s', (address, expected) => {
    const ip = parseIp(address);
    expect(ip !== undefined && isDialable(ip)).toBe(expected);
  });
});
