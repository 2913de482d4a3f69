import http2, { type ClientHttp2Session } from 'node:http2';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { formatIp } from '#base/common/ip.ts';
import { relayTcp } from '#net/relay/tcp-relay.ts';
import { relayUdp } from '#net/relay/udp-relay.ts';
import { clientSessionOptions } from '#net/tunnel/http2-options.ts';
import { agentTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import { decodeConnectionId, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Agent } from '#protocol/cluster/generated/agent_pb.js';
import type { DialRequest } from '#protocol/cluster/generated/manager_pb.js';

/** For tests: a laptop that reaches the agent's pod by itself, and dials what dial requests name. */
export class FakeLaptop {
  readonly sessionId: string;
  readonly requests: DialRequest[] = [];
  /** Off: dial requests are heard and left alone. */
  doesAnswer = true;
  readonly #session: ClientHttp2Session;
  readonly #calls: Http2SessionManager;
  readonly #end = new AbortController();

  private constructor(sessionId: string, session: ClientHttp2Session, calls: Http2SessionManager) {
    this.sessionId = sessionId;
    this.#session = session;
    this.#calls = calls;
  }

  /** Resolves when the agent knows that it is watched. */
  static async watch(sessionId: string, apiPort: number): Promise<FakeLaptop> {
    const url = `http://127.0.0.1:${apiPort}`;
    const session = http2.connect(url, clientSessionOptions);
    session.on('error', () => undefined);
    const laptop = new FakeLaptop(sessionId, session, new Http2SessionManager(url));
    const agent = createClient(Agent, createGrpcTransport({ baseUrl: url, sessionManager: laptop.#calls }));
    const heard = Promise.withResolvers<void>();
    const watch = async () => {
      const options = { signal: laptop.#end.signal, onHeader: () => heard.resolve() };
      for await (const request of agent.watchDial({ sessionId }, options)) laptop.#take(request);
    };
    watch().catch(heard.reject);
    await heard.promise;
    return laptop;
  }

  open(info: StreamInfo): TunnelDuplex {
    const tunnel = openTunnel(this.#session, agentTunnelPath, info);
    tunnel.on('error', () => undefined);
    return tunnel;
  }

  async version() {
    return await createClient(
      Agent,
      createGrpcTransport({ baseUrl: this.#calls.authority, sessionManager: this.#calls }),
    ).version({});
  }

  stop(): void {
    this.#end.abort();
    this.#session.destroy();
    this.#calls.abort();
  }

  #take(request: DialRequest): void {
    this.requests.push(request);
    if (!this.doesAnswer) return;
    const connectionId = decodeConnectionId(Buffer.from(request.connId));
    const { ip, port } = connectionId.destination;
    const tunnel = this.open({ connectionId, sessionId: this.sessionId, dialTimeoutMs: 1_000, roundtripMs: 0 });
    const host = formatIp(ip);
    if (connectionId.protocol === 'udp') relayUdp(tunnel, { host, port }, { idleMs: 60_000 });
    else relayTcp(tunnel, { host, port }, { dialTimeoutMs: 1_000 });
  }
}
