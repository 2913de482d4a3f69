import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '#base/common/deferred.ts';
import { silentLogger } from '#base/common/log.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, type TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { UdpFlow } from '../nat/flows.ts';
import { destination, source, TunnelPairs } from './testing/tunnel-pair.ts';
import type { TunnelDialer } from './tunnel-dialer.ts';
import { UdpTunnels } from './udp-tunnels.ts';

/** What the NAT would hand over, with the calls of its user recorded. */
class FakeFlow implements UdpFlow {
  readonly id = 1;
  readonly source = source;
  readonly destination = destination;
  readonly sent: string[] = [];
  readonly calls: string[] = [];
  idle: () => void = () => undefined;
  onSent: () => void = () => undefined;

  send(payload: Uint8Array): boolean {
    this.sent.push(Buffer.from(payload).toString());
    this.onSent();
    return true;
  }

  unreachable(): void {
    this.calls.push('unreachable');
  }

  released(): void {
    this.calls.push('released');
  }

  onIdle(listener: () => void): void {
    this.idle = listener;
  }
}

describe('UDP tunnels', () => {
  let pairs: TunnelPairs;
  let flow: FakeFlow;
  let dials: { readonly id: ConnectionId; readonly signal: AbortSignal }[];
  let dial: (signal: AbortSignal) => Promise<TunnelDuplex>;
  let tunnels: UdpTunnels;

  beforeEach(async () => {
    pairs = new TunnelPairs();
    await pairs.start();
    flow = new FakeFlow();
    dials = [];
    const dialer: TunnelDialer = {
      dial: async (id, signal) => {
        dials.push({ id, signal });
        return await dial(signal);
      },
    };
    tunnels = new UdpTunnels({ dialer, dialTimeoutMs: 5_000, logger: silentLogger });
  });

  afterEach(async () => {
    tunnels.stop();
    await pairs.stop();
  });

  it('sends what waited for the dial, in order, on one tunnel, and brings answers back', async () => {
    const opened = pairs.open('udp');
    const dialled = deferred<TunnelDuplex>();
    dial = async () => await dialled.promise;
    for (const datagram of ['one', 'two', '']) tunnels.send(flow, Buffer.from(datagram));
    const { laptop, cluster } = await opened;
    dialled.resolve(laptop);
    const received: string[] = [];
    const four = new Promise<void>((resolve) => {
      cluster.on('data', (datagram: Buffer) => {
        cluster.write(datagram);
        if (received.push(datagram.toString()) === 4) resolve();
      });
    });
    await once(cluster, 'data');
    tunnels.send(flow, Buffer.from('four'));
    await four;
    expect(received).toEqual(['one', 'two', '', 'four']);
    await expect.poll(() => flow.sent).toEqual(['one', 'two', '', 'four']);
    expect(dials.map(({ id }) => id)).toEqual([{ source, destination, protocol: 'udp' }]);
  });

  it('keeps a copy of what waits, and no more than 32 datagrams', async () => {
    const opened = pairs.open('udp');
    const dialled = deferred<TunnelDuplex>();
    dial = async () => await dialled.promise;
    const batch = Buffer.from('x');
    for (let count = 0; count < 40; count += 1) tunnels.send(flow, batch);
    batch.write('y');
    const { laptop, cluster } = await opened;
    dialled.resolve(laptop);
    const received: string[] = [];
    const done = new Promise<void>((resolve) => {
      cluster.on('data', (datagram: Buffer) => {
        received.push(datagram.toString());
        if (datagram.toString() === 'last') resolve();
      });
    });
    await once(cluster, 'data');
    tunnels.send(flow, Buffer.from('last'));
    await done;
    expect(received).toEqual([...Array.from({ length: 32 }, () => 'x'), 'last']);
  });

  it('tells the program where the far side refuses', async () => {
    dial = async () => await Promise.reject(new DialRejectedError('refused'));
    tunnels.send(flow, Buffer.from('x'));
    await expect.poll(() => flow.calls).toEqual(['unreachable', 'released']);
  });

  it('lets the flow go where there is no way, and tries again with the next datagram', async () => {
    dial = async () => await Promise.reject(new Error('no way'));
    tunnels.send(flow, Buffer.from('x'));
    await expect.poll(() => flow.calls).toEqual(['released']);
    tunnels.send(flow, Buffer.from('x'));
    expect(dials).toHaveLength(2);
  });

  it('ends the tunnel with the idle flow, once', async () => {
    const { laptop, cluster } = await pairs.open('udp');
    dial = async () => laptop;
    tunnels.send(flow, Buffer.from('x'));
    await once(cluster, 'data');
    const closed = once(cluster, 'close').catch(() => undefined);
    flow.idle();
    await closed;
    expect(flow.calls).toEqual(['released']);
  });

  it('lets the flow go where the way to the cluster breaks, without an error that nobody takes', async () => {
    const { laptop, cluster } = await pairs.open('udp');
    laptop.removeAllListeners('error');
    dial = async () => laptop;
    tunnels.send(flow, Buffer.from('x'));
    await once(cluster, 'data');
    pairs.cut();
    await expect.poll(() => flow.calls).toEqual(['released']);
  });

  it('ends a tunnel that was dialled for a flow which is idle by now', async () => {
    const { laptop, cluster } = await pairs.open('udp');
    const dialled = deferred<TunnelDuplex>();
    dial = async () => await dialled.promise;
    tunnels.send(flow, Buffer.from('x'));
    flow.idle();
    expect(dials[0]?.signal.aborted).toBe(true);
    dialled.resolve(laptop);
    cluster.resume();
    await once(cluster, 'close').catch(() => undefined);
    expect(flow.calls).toEqual(['released']);
  });

  it('takes nothing more once stopped', () => {
    dial = async () => await Promise.reject(new Error('no way'));
    tunnels.stop();
    tunnels.send(flow, Buffer.from('x'));
    expect(dials).toEqual([]);
  });
});
