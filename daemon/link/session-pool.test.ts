import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { GrpcServer, type RawCall } from '#net/grpc/grpc-server.ts';
import { serveUnary, unaryAnswer } from '#net/grpc/unary-call.ts';
import { frameHeader, muxType } from '#net/mux/mux-frames.ts';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { exampleStreamInfo } from '#net/tunnel/testing/example-stream-info.ts';
import type { CalleeStream } from '#net/tunnel/tunnel-stream.ts';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
import { MuxSession } from './mux-session.ts';
import { SessionPool } from './session-pool.ts';
import { WireSession } from './wire-session.ts';

const lookupDnsPath = '/telepresence.manager.Manager/LookupDNS';

/** The code tells which way the question came. */
const answer = async (rCode: number) => await Promise.resolve({ rCode, rrs: new Uint8Array() });

describe('the sessions with a pod', () => {
  let server: GrpcServer;
  let pool: SessionPool;
  let forwards: net.Socket[];
  let muxStreams: number;
  let onMuxLookup: () => ReturnType<typeof answer>;
  const { signal } = new AbortController();

  const echo = (stream: CalleeStream) =>
    void acceptTunnel(stream).then(({ tunnel }) => {
      tunnel.on('error', () => undefined);
      tunnel.dialOk();
      tunnel.pipe(tunnel);
    });

  async function start(options: { readonly knowsMux: boolean }): Promise<void> {
    server = new GrpcServer({
      routes: (router) => router.service(Manager, { version: () => ({ name: 'fake', version: 'v2' }) }),
      rawCalls: new Map<string, RawCall>([
        [managerTunnelPath, echo],
        [lookupDnsPath, (stream) => void serveUnary(stream, Manager.method.lookupDNS, () => answer(2))],
      ]),
      ...(options.knowsMux
        ? {
            onMuxStream: (stream) => {
              muxStreams += 1;
              echo(stream);
            },
            onMuxCall: async (question) => await unaryAnswer(Manager.method.lookupDNS, question, () => onMuxLookup()),
          }
        : {}),
    });
    const port = await server.listen(0, '127.0.0.1');
    const open = async <S>(speak: (forward: PortForward) => Promise<S>): Promise<S> => {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      forwards.push(socket);
      return await speak(Object.assign(socket, { bytesReceived: 0 }));
    };
    pool = new SessionPool({
      first: await open((forward) => WireSession.open(forward, managerTunnelPath)),
      open,
      tunnelPath: managerTunnelPath,
      sharedForwards: 1,
      maxForwards: 4,
      peer: 'the traffic-manager',
      ask: (session, timeoutMs) => session.manager.version({}, { timeoutMs }),
      logger: silentLogger,
    });
  }

  beforeEach(() => {
    forwards = [];
    muxStreams = 0;
    onMuxLookup = () => answer(3);
  });
  afterEach(async () => {
    pool.destroy();
    await server.stop(100);
  });

  async function say(words: string): Promise<string> {
    const { tunnel } = await pool.openTunnel(exampleStreamInfo, signal);
    await tunnel.dialled;
    tunnel.end(words);
    return await text(tunnel);
  }

  it('carry tunnels on a multiplexed connection as soon as there is one', async () => {
    await start({ knowsMux: true });
    expect(await say('first')).toBe('first');
    await expect.poll(() => pool.stats().forwards).toBe(2);
    expect(await say('second')).toBe('second');
    expect(muxStreams).toBe(1);
    const { carrier, tunnel } = await pool.openTunnel(exampleStreamInfo, signal);
    tunnel.on('error', () => undefined);
    expect(carrier).toBeInstanceOf(MuxSession);
  });

  it('carry them on HTTP/2 where the pod knows no such connections, and do not ask again', async () => {
    await start({ knowsMux: false });
    expect(await say('first')).toBe('first');
    await expect.poll(() => pool.stats().forwards).toBe(2);
    expect(forwards).toHaveLength(3);
    const { carrier, tunnel } = await pool.openTunnel(exampleStreamInfo, signal);
    tunnel.on('error', () => undefined);
    expect(carrier).toBeInstanceOf(WireSession);
  });

  describe('carry look-ups', () => {
    const lookup = async () => (await pool.lookupDns({ name: 'web.shop.', type: 1 }, signal)).rCode;

    it('on a multiplexed connection that no tunnel uses, as soon as there is one', async () => {
      await start({ knowsMux: true });
      expect(await lookup()).toBe(2);
      await expect.poll(lookup).toBe(3);
      expect(forwards).toHaveLength(2);
      expect(await say('something else')).toBe('something else');
      await expect.poll(() => pool.stats().forwards).toBe(3);
    });

    it('on another one where that has ended', async () => {
      await start({ knowsMux: true });
      await expect.poll(lookup).toBe(3);
      forwards[1]?.destroy();
      await expect.poll(() => pool.stats().forwards).toBe(1);
      expect(await lookup()).toBe(2);
      await expect.poll(lookup).toBe(3);
    });

    it('on another one where that takes no more, and goes on with it when the former has ended', async () => {
      await start({ knowsMux: true });
      await expect.poll(lookup).toBe(3);
      const asked = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      onMuxLookup = async () => {
        asked.resolve();
        await held.promise;
        return await answer(4);
      };
      const last = lookup();
      await asked.promise;
      onMuxLookup = () => answer(3);
      const [, former] = forwards;
      if (former === undefined) throw new Error('There is none');
      former.emit('data', frameHeader(0, muxType.goAway));
      expect(await lookup()).toBe(2);
      await expect.poll(lookup).toBe(3);
      const ended = once(former, 'close');
      held.resolve();
      expect(await last).toBe(4);
      await ended;
      expect(await lookup()).toBe(3);
      expect(pool.stats().forwards).toBe(2);
    });

    it('on HTTP/2 where the pod knows no such connections', async () => {
      await start({ knowsMux: false });
      expect(await lookup()).toBe(2);
      await expect.poll(() => forwards[1]?.destroyed).toBe(true);
      expect(await lookup()).toBe(2);
      expect(forwards).toHaveLength(2);
    });
  });

  it('end one whose peer has fallen silent, and keep those that answer', async () => {
    await start({ knowsMux: true });
    await say('first');
    await expect.poll(() => pool.stats().forwards).toBe(2);
    await pool.probe(1_000);
    expect(pool.stats().forwards).toBe(2);
    forwards[1]?.pause();
    await pool.probe(50);
    await expect.poll(() => pool.stats().forwards).toBe(1);
    expect(pool.first.isOpen).toBe(true);
  });
});
