import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { freePort } from '#net/testing/free-port.ts';
import { agentTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import { type ConnectionId, encodeConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, TunnelResetError } from '#net/tunnel/tunnel-duplex.ts';
import { DialRequestSchema } from '#protocol/cluster/generated/manager_pb.js';
import type { DialWay } from '../link/dial-way.ts';
import { FakeAgent } from '../link/testing/fake-agent.ts';
import { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { InboundConnections, refuseDial } from './inbound-connections.ts';

const loopback = { family: 4, value: 0x7f00_0001n } as const;

describe('a connection that comes straight from a pod', () => {
  const cleanups: (() => unknown)[] = [];
  let agent: FakeAgent;
  let way: DialWay;
  let recorder: TrafficRecorder;
  let inbound: InboundConnections;

  beforeEach(async () => {
    recorder = new TrafficRecorder();
    inbound = new InboundConnections({
      name: 'web',
      recorder,
      logger: silentLogger,
      onChanged: () => undefined,
      onHandler: () => undefined,
    });
    agent = new FakeAgent();
    const pod = connect(`http://127.0.0.1:${await agent.start()}`);
    cleanups.push(
      () => pod.destroy(),
      async () => await agent.stop(),
    );
    way = {
      isDirect: true,
      sessionId: 'session-1',
      openTunnel: (info) => Promise.resolve(openTunnel(pod, agentTunnelPath, info)),
    };
  });

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  const entries = () => recorder.changedSince(0, undefined).map((record) => record.entry());
  const listen = async (handler: Server) => {
    await new Promise<void>((resolve) => handler.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => handler.close());
    return (handler.address() as AddressInfo).port;
  };
  const idTo = (port: number): ConnectionId => ({
    source: { ip: loopback, port: 1 },
    destination: { ip: loopback, port },
    protocol: 'tcp',
  });
  const requestOf = (id: ConnectionId) =>
    create(DialRequestSchema, { connId: encodeConnectionId(id), dialTimeout: 2_000_000_000n });

  it('is brought to the handler, and counted apart', async () => {
    const handler = createServer({ allowHalfOpen: true }, (socket) => {
      void text(socket).then((question) => socket.end(`you said ${question}`));
    });
    const port = await listen(handler);
    const called = agent.call(idTo(port));
    const accepted = inbound.accept(way, requestOf(idTo(port)), idTo(port), { hosts: ['127.0.0.1'], port });
    const caller = await called;
    await caller.dialled;
    caller.end('hello');
    expect(await text(caller)).toBe('you said hello');
    await accepted;
    expect(inbound.traffic).toMatchObject({ connections: 1, direct: 1, rejected: 0, inBytes: 5, outBytes: 14 });
    // What has no end like a request is a connection.
    const to = `127.0.0.1:${port}`;
    expect(entries()).toMatchObject([
      { kind: 'connection', protocol: 'tcp', from: '127.0.0.1:1', to, inBytes: 5, outBytes: 14, state: 'done' },
    ]);
  });

  it('is recorded: each request, datagrams, and what nothing took', async () => {
    const handler = createHttpServer((request, response) => {
      void text(request).then((body) => response.writeHead(202).end(`${request.url ?? ''} ${body}`));
    });
    const port = await listen(handler);
    const to = { hosts: ['127.0.0.1'], port };
    const called = agent.call(idTo(port));
    const accepted = inbound.accept(way, requestOf(idTo(port)), idTo(port), to);
    const caller = await called;
    await caller.dialled;
    const head = 'POST /orders HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n';
    caller.write(`${head}\r\none`);
    caller.end(`${head}Connection: close\r\n\r\ntwo`);
    expect((await text(caller)).match(/\/orders (one|two)/g)).toEqual(['/orders one', '/orders two']);
    await accepted;
    const closed = await freePort();
    const refused = agent.call(idTo(closed));
    const rejected = inbound.accept(way, requestOf(idTo(closed)), idTo(closed), { hosts: ['127.0.0.1'], port: closed });
    await expect((await refused).dialled).rejects.toBeInstanceOf(DialRejectedError);
    await rejected;
    const udp: ConnectionId = { ...idTo(port), protocol: 'udp' };
    const flow = agent.call(udp);
    await inbound.accept(way, requestOf(udp), udp, to);
    (await flow).destroy();
    const request = { kind: 'request', method: 'POST', path: '/orders', status: 202, state: 'done', inBytes: 3, outBytes: 11 };
    expect(entries()).toMatchObject([request, request, { protocol: 'refused', state: 'failed' }, { protocol: 'udp' }]);
  });

  it('is refused for good, or given back to the app where it may be awaited in a moment', async () => {
    const refused = agent.call(idTo(1));
    await refuseDial(way, requestOf(idTo(1)), idTo(1), true);
    await expect((await refused).dialled).rejects.toBeInstanceOf(DialRejectedError);
    const returned = agent.call(idTo(2));
    await refuseDial(way, requestOf(idTo(2)), idTo(2), false);
    await expect((await returned).dialled).rejects.toBeInstanceOf(TunnelResetError);
  });
});
