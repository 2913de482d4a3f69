import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { managerTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import { decodeConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, type TunnelDuplex, TunnelResetError } from '#net/tunnel/tunnel-duplex.ts';
import type { DialRequest } from '#protocol/cluster/generated/manager_pb.js';
import type { TestAgent } from '../intercepts/test-agent.ts';
import { TestManager } from '../test-manager.ts';

const mebibyte = 1024 * 1024;
const target = { workloadKind: 'Deployment', mechanism: 'tcp', containerPort: 8080, protocol: 'TCP', targetHost: '127.0.0.1' };

describe('connections from an agent to a laptop by way of the traffic-manager', () => {
  let bed: TestManager;
  let agent: TestAgent;

  beforeEach(async () => {
    bed = await TestManager.start({ refuseLoopback: true });
    agent = await bed.agent('shop', 'shop-1');
    await bed.laptop.createIntercept({ session: bed.session, interceptSpec: { ...target, name: 'shop', targetPort: 3000 } });
  });
  afterEach(async () => await bed.stop());

  const watch = () => bed.laptop.watchDial(bed.session)[Symbol.asyncIterator]();

  async function nextOf(requests: AsyncIterator<DialRequest>): Promise<DialRequest> {
    const result = await requests.next();
    if (result.done === true) throw new Error('the stream ended');
    return result.value;
  }

  /** The laptop's side: a tunnel with the id that it was asked for. */
  function answer(request: DialRequest): TunnelDuplex {
    const tunnel = openTunnel(bed.tunnelSession, managerTunnelPath, {
      connectionId: decodeConnectionId(Buffer.from(request.connId)),
      sessionId: bed.session.sessionId,
      dialTimeoutMs: 5_000,
      roundtripMs: 0,
    });
    tunnel.on('error', () => undefined);
    return tunnel;
  }

  async function joined(
    options: Parameters<TestAgent['call']>[2] = {},
    requests = watch(),
  ): Promise<{ readonly caller: TunnelDuplex; readonly handler: TunnelDuplex }> {
    const caller = agent.call(bed.session.sessionId, 3000, options);
    const handler = answer(await nextOf(requests));
    handler.dialOk();
    await caller.dialled;
    return { caller, handler };
  }

  it('are told to the laptop with id and time-out, and carry bytes both ways, half closes included', async () => {
    const requests = watch();
    const caller = agent.call(bed.session.sessionId, 3000, { dialTimeoutMs: 4_000 });
    const request = await nextOf(requests);
    expect(decodeConnectionId(Buffer.from(request.connId))).toMatchObject({ protocol: 'tcp', destination: { port: 3000 } });
    expect(request.dialTimeout).toBe(4_000_000_000n);
    const handler = answer(request);
    handler.dialOk();
    await caller.dialled;
    caller.end('question');
    handler.end(`answer to ${await text(handler)}`);
    expect(await text(caller)).toBe('answer to question');
    await closed(caller, handler);
  });

  it('hold up a fast sender whose reader stands still, either way, at a bounded cost, and lose nothing', async () => {
    const { caller, handler } = await joined();
    for (const [from, to] of [
      [caller, handler],
      [handler, caller],
    ] as const) {
      const block = Buffer.alloc(64 * 1024, 7);
      let sent = 0;
      let isHeldUp = false;
      while (!isHeldUp) {
        sent += block.length;
        if (from.write(block)) continue;
        const drained = new Promise<boolean>((resolve) => from.once('drain', () => resolve(false)));
        isHeldUp = await Promise.race([drained, new Promise<boolean>((resolve) => setTimeout(resolve, 300, true))]);
        expect(sent).toBeLessThan(16 * mebibyte);
      }
      let received = 0;
      to.on('data', (chunk: Buffer) => (received += chunk.length));
      await expect.poll(() => received, { timeout: 5_000 }).toBe(sent);
    }
    caller.destroy();
    await closed(caller, handler);
  });

  it('reject the caller where the laptop finds nobody at its port', async () => {
    const requests = watch();
    const caller = agent.call(bed.session.sessionId, 3000);
    answer(await nextOf(requests)).dialReject();
    await expect(caller.dialled).rejects.toBeInstanceOf(DialRejectedError);
  });

  it('reset one end when the other is reset', async () => {
    const requests = watch();
    for (const [cut, other] of [
      ['caller', 'handler'],
      ['handler', 'caller'],
    ] as const) {
      const pair = await joined({}, requests);
      const failure = once(pair[other].resume(), 'error');
      pair[cut].destroy();
      expect((await failure)[0]).toMatchObject({ code: 'ECONNRESET' });
    }
  });

  it('keep datagrams apart', async () => {
    const { caller, handler } = await joined({ protocol: 'udp' });
    handler.on('data', (datagram: Buffer) => handler.write(datagram));
    const got: string[] = [];
    const three = Promise.withResolvers<void>();
    caller.on('data', (datagram: Buffer) => {
      got.push(datagram.toString());
      if (got.length === 3) three.resolve();
    });
    for (const datagram of ['one', '', 'three']) caller.write(Buffer.from(datagram));
    await three.promise;
    expect(got).toEqual(['one', '', 'three']);
  });

  it('wait for a laptop that is between two links', async () => {
    const caller = agent.call(bed.session.sessionId, 3000);
    const handler = answer(await nextOf(watch()));
    handler.dialOk();
    await caller.dialled;
  });

  it('are reset, not rejected, where no laptop answers: the app is still there for the caller', async () => {
    await expect(agent.call(bed.session.sessionId, 3000).dialled).rejects.toBeInstanceOf(TunnelResetError);
    const requests = watch();
    const caller = agent.call(bed.session.sessionId, 3000, { dialTimeoutMs: 50 });
    const request = await nextOf(requests);
    await expect(caller.dialled).rejects.toBeInstanceOf(TunnelResetError);
    // Too late, and not a connection into the cluster.
    await expect(answer(request).dialled).rejects.toBeInstanceOf(DialRejectedError);
  });

  it('reach the laptop from an agent that has taken leave, for callers still come to its pod', async () => {
    await agent.manager.depart(agent.session);
    const { caller, handler } = await joined();
    caller.end('question');
    expect(await text(handler)).toBe('question');
    handler.end('answer');
    expect(await text(caller)).toBe('answer');
    await closed(caller, handler);
  });

  it('are reset where the laptop is unknown, gone, or does not intercept the workload', async () => {
    const stranger = await bed.arrive('you@desk');
    for (const id of ['nobody', stranger.sessionId]) {
      await expect(agent.call(id, 3000).dialled).rejects.toBeInstanceOf(TunnelResetError);
    }
    const requests = watch();
    const caller = agent.call(bed.session.sessionId, 3000);
    await nextOf(requests);
    await bed.laptop.depart(bed.session);
    await expect(caller.dialled).rejects.toBeInstanceOf(TunnelResetError);
    await expect(agent.call(bed.session.sessionId, 3000).dialled).rejects.toBeInstanceOf(TunnelResetError);
  });

  it('go to the newest watch of the laptop', async () => {
    const former = watch();
    const unread = former.next();
    const newest = watch();
    const first = newest.next();
    // Both watches have to be there before the call.
    await bed.laptop.remain({ session: bed.session });
    agent.call(bed.session.sessionId, 3000);
    expect((await first).done).toBe(false);
    await bed.laptop.depart(bed.session);
    expect((await unread).done).toBe(true);
  });

  it('end with the session of the laptop', async () => {
    const { caller, handler } = await joined();
    const ends = [caller, handler].map((tunnel) => new Promise((resolve) => tunnel.resume().once('close', resolve)));
    await bed.laptop.depart(bed.session);
    await Promise.all(ends);
    await expect.poll(() => bed.manager.tunnelCount).toBe(0);
  });

  async function closed(...tunnels: readonly TunnelDuplex[]): Promise<void> {
    await Promise.all(
      tunnels.map(async (tunnel) => (tunnel.closed ? undefined : await new Promise((resolve) => tunnel.once('close', resolve)))),
    );
    await expect.poll(() => bed.manager.tunnelCount).toBe(0);
  }
});
