import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bufferPassed } from '#base/node/passing-buffers.ts';
import { MuxConnection, readPreface } from '../mux/mux-connection.ts';
import type { MuxStream } from '../mux/mux-stream.ts';
import { TunnelDuplex } from '../tunnel/tunnel-duplex.ts';
import { joinStreams } from './join-streams.ts';

vi.mock('#base/node/passing-buffers.ts', () => ({ bufferPassed: vi.fn<(bytes: number) => void>() }));

const kibibyte = 1024;

describe('joined streams', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(() => {
    vi.mocked(bufferPassed).mockClear();
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  const passed = () => vi.mocked(bufferPassed).mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);

  async function sockets(): Promise<readonly [Socket, Socket]> {
    const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const near = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as unknown as [[Socket]];
    cleanups.push(() => {
      near.destroy();
      far.destroy();
      server.close();
    });
    return [near, far];
  }

  /** Both ends of a tunnel on a multiplexed connection. */
  async function tunnels(): Promise<readonly [TunnelDuplex, TunnelDuplex]> {
    const ends = duplexPair();
    const connecting = MuxConnection.connect(ends[0]);
    const { head } = await readPreface(ends[1]);
    const accepted = Promise.withResolvers<MuxStream>();
    const server = MuxConnection.serve(ends[1], head, { onStream: accepted.resolve });
    const client = await connecting;
    cleanups.push(() => {
      client.destroy();
      server.destroy();
    });
    const near = new TunnelDuplex(client.open(), { datagrams: false });
    const far = new TunnelDuplex(await accepted.promise, { datagrams: false });
    for (const tunnel of [near, far]) tunnel.on('error', () => undefined);
    return [near, far];
  }

  it('count what passes between two sockets, once each way', async () => {
    const [[caller, one], [other, callee]] = [await sockets(), await sockets()];
    joinStreams(one, other);
    caller.end('x'.repeat(kibibyte));
    expect(await text(callee)).toHaveLength(kibibyte);
    callee.end('y'.repeat(kibibyte));
    expect(await text(caller)).toHaveLength(kibibyte);
    expect(passed()).toBe(2 * kibibyte);
  });

  it('leave counting to the multiplexed connection of a tunnel', async () => {
    const bytes = 100 * kibibyte;
    const carry = async (isJoined: boolean) => {
      vi.mocked(bufferPassed).mockClear();
      const [near, far] = await tunnels();
      const [caller, end] = await sockets();
      if (isJoined) joinStreams(end, far);
      const source = isJoined ? caller : far;
      const received = text(near);
      source.end('x'.repeat(bytes));
      expect(await received).toHaveLength(bytes);
      return passed();
    };
    const alone = await carry(false);
    expect(alone).toBeGreaterThan(bytes);
    // Pieces of another size have as many more headers.
    expect(Math.abs((await carry(true)) - alone)).toBeLessThan(bytes / 10);
  });
});
