import { connect } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { agentTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import { type ConnectionId, encodeConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, TunnelResetError } from '#net/tunnel/tunnel-duplex.ts';
import { DialRequestSchema } from '#protocol/cluster/generated/manager_pb.js';
import type { DialWay } from '../link/dial-way.ts';
import { FakeAgent } from '../link/testing/fake-agent.ts';
import { InboundConnections, refuseDial } from './inbound-connections.ts';

const loopback = { family: 4, value: 0x7f00_0001n } as const;

describe('a connection that comes straight from a pod', () => {
  const cleanups: (() => unknown)[] = [];
  let agent: FakeAgent;
  let way: DialWay;

  beforeEach(async () => {
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
    await new Promise<void>((resolve) => handler.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => handler.close());
    const { port } = handler.address() as AddressInfo;
    const inbound = new InboundConnections({ logger: silentLogger, onChanged: () => undefined, onHandler: () => undefined });
    const called = agent.call(idTo(port));
    const accepted = inbound.accept(way, requestOf(idTo(port)), idTo(port), { hosts: ['127.0.0.1'], port });
    const caller = await called;
    await caller.dialled;
    caller.end('hello');
    expect(await text(caller)).toBe('you said hello');
    await accepted;
    expect(inbound.traffic).toMatchObject({ connections: 1, direct: 1, rejected: 0, inBytes: 5, outBytes: 14 });
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
