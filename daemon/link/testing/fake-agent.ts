import { EventEmitter, on } from 'node:events';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { GrpcServer } from '#net/grpc/grpc-server.ts';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { agentTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { type ConnectionId, describeConnection, encodeConnectionId, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Agent } from '#protocol/cluster/generated/agent_pb.js';
import type { SessionInfo } from '#protocol/cluster/generated/manager_pb.js';

/** For tests: the agent of one pod, on real HTTP/2. */
export class FakeAgent {
  /** Sessions that watch. */
  readonly watchers: string[] = [];
  /** Watches that there were, those that ended included. */
  watchCount = 0;
  readonly tunnels: StreamInfo[] = [];
  /** What becomes of an outbound tunnel; by default its dial works and it says back what it hears. */
  onTunnel: (tunnel: TunnelDuplex, info: StreamInfo) => void = (tunnel) => {
    tunnel.dialOk();
    tunnel.pipe(tunnel);
  };
  /** Sessions that are not known here. */
  readonly refused = new Set<string>();
  readonly #events = new EventEmitter();
  readonly #callers = new Map<string, (tunnel: TunnelDuplex) => void>();
  readonly #server = new GrpcServer({
    routes: (router) =>
      router.service(Agent, {
        version: () => ({ name: 'Agent', version: 'v2.20.3' }),
        watchDial: (session, context) => this.#dials(session, context),
      }),
    rawCalls: new Map([
      [
        agentTunnelPath,
        (stream) =>
          void acceptTunnel(stream).then(
            ({ info, tunnel }) => this.#take(tunnel, info),
            () => undefined,
          ),
      ],
    ]),
  });

  /** @returns the port */
  async start(): Promise<number> {
    return await this.#server.listen(0, '127.0.0.1');
  }

  async stop(): Promise<void> {
    await this.#server.stop(0);
  }

  /** A connection that arrived at the pod: resolves when the laptop has opened its tunnel. */
  async call(id: ConnectionId): Promise<TunnelDuplex> {
    const { promise, resolve } = Promise.withResolvers<TunnelDuplex>();
    this.#callers.set(describeConnection(id), resolve);
    this.#events.emit('dial', { connId: encodeConnectionId(id), dialTimeout: 2_000_000_000n });
    return await promise;
  }

  #take(tunnel: TunnelDuplex, info: StreamInfo): void {
    tunnel.on('error', () => undefined);
    const name = describeConnection(info.connectionId);
    const resolve = this.#callers.get(name);
    this.#callers.delete(name);
    if (resolve === undefined) {
      this.tunnels.push(info);
      this.onTunnel(tunnel, info);
      return;
    }
    // An accepted tunnel hears of the dial only while it is read.
    tunnel.read(0);
    resolve(tunnel);
  }

  async *#dials({ sessionId }: SessionInfo, { signal }: HandlerContext) {
    if (this.refused.has(sessionId)) throw new ConnectError('The session is not known', Code.PermissionDenied);
    this.watchers.push(sessionId);
    this.watchCount += 1;
    try {
      for await (const [request] of on(this.#events, 'dial', { signal })) yield request;
    } catch {
      // The watcher has gone.
    } finally {
      this.watchers.splice(this.watchers.indexOf(sessionId), 1);
    }
  }
}
