import http2, { type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { connectionWindowBytes, serverOptions } from '#net/tunnel/http2-options.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';

export interface FakeManagerOptions {
  /** As Go's server announces it by default. */
  readonly maxConcurrentStreams?: number;
  /** Calls that it serves besides its own. */
  readonly service?: Partial<ServiceImpl<typeof Manager>>;
}

/** For tests: a traffic-manager that keeps sessions and takes tunnels, on real HTTP/2. What it is asked is kept in `calls`. */
export class FakeManager {
  readonly calls: string[] = [];
  readonly sessions = new Set<string>();
  readonly tunnels = new Set<TunnelDuplex>();
  /** What becomes of a tunnel; by default its dial works and it says back what it hears. */
  onTunnel: (tunnel: TunnelDuplex, info: StreamInfo) => void = (tunnel) => {
    tunnel.dialOk();
    tunnel.pipe(tunnel);
  };
  /** Runs before each call is answered: throw to fail it, wait to delay it. */
  onCall: (name: string, signal: AbortSignal) => Promise<void> | void = () => undefined;
  readonly #server: Http2Server;
  readonly #http2Sessions = new Set<ServerHttp2Session>();
  readonly #service: Partial<ServiceImpl<typeof Manager>>;
  #arrivals = 0;

  constructor({ maxConcurrentStreams = 250, service = {} }: FakeManagerOptions = {}) {
    this.#service = service;
    const serve = connectNodeAdapter({ routes: (router) => this.#routes(router), connect: false, grpcWeb: false });
    this.#server = http2.createServer({ ...serverOptions, settings: { ...serverOptions.settings, maxConcurrentStreams } });
    this.#server.on('connection', (socket: Socket) => socket.setNoDelay(true));
    this.#server.on('session', (session) => {
      this.#http2Sessions.add(session);
      session.once('close', () => this.#http2Sessions.delete(session));
      session.on('error', () => undefined);
      session.setLocalWindowSize(connectionWindowBytes);
    });
    this.#server.on('stream', (stream, headers, _flags, rawHeaders) => {
      stream.on('error', () => undefined);
      if (headers[':path'] !== managerTunnelPath) {
        serve(new http2.Http2ServerRequest(stream, headers, {}, rawHeaders), new http2.Http2ServerResponse(stream));
        return;
      }
      acceptTunnel(stream).then(
        ({ info, tunnel }) => {
          this.tunnels.add(tunnel);
          tunnel.on('error', () => undefined);
          tunnel.once('close', () => this.tunnels.delete(tunnel));
          this.onTunnel(tunnel, info);
        },
        () => undefined,
      );
    });
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  countOf(name: string): number {
    return this.calls.filter((call) => call === name).length;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#http2Sessions) session.destroy();
    await closed;
  }

  #routes(router: ConnectRouter): void {
    router.service(Manager, {
      version: async (_request, { signal }) => {
        await this.#called('version', signal);
        return { name: 'Traffic Manager', version: 'v2.99.0' };
      },
      getAgentImageFQN: async (_request, { signal }) => {
        await this.#called('getAgentImageFQN', signal);
        return { fQN: 'registry.test/agent:1' };
      },
      getClientConfig: async (_request, { signal }) => {
        await this.#called('getClientConfig', signal);
        return { configYaml: new TextEncoder().encode('timeouts: {}\n') };
      },
      arriveAsClient: async (_client, { signal }) => {
        await this.#called('arriveAsClient', signal);
        this.#arrivals += 1;
        const sessionId = `session-${this.#arrivals}`;
        this.sessions.add(sessionId);
        return { sessionId };
      },
      remain: async ({ session }, { signal }) => {
        await this.#called('remain', signal);
        this.#checkSession(session?.sessionId);
        return {};
      },
      depart: async ({ sessionId }, { signal }) => {
        await this.#called('depart', signal);
        this.sessions.delete(sessionId);
        return {};
      },
      lookupDNS: async ({ name }, { signal }) => {
        await this.#called('lookupDNS', signal);
        return { rCode: 0, rrs: new TextEncoder().encode(name) };
      },
      watchClusterInfo: (session, context) => this.#clusterInfos(session.sessionId, context),
      ...this.#service,
    });
  }

  async *#clusterInfos(sessionId: string, { signal }: HandlerContext) {
    await this.#called('watchClusterInfo', signal);
    this.#checkSession(sessionId);
    yield { serviceSubnet: { ip: Uint8Array.of(10, 96, 0, 0), mask: 16 }, clusterDomain: 'cluster.local.' };
    await sleep(2 ** 30, undefined, { signal }).catch(() => undefined);
  }

  async #called(name: string, signal: AbortSignal): Promise<void> {
    this.calls.push(name);
    await this.onCall(name, signal);
  }

  #checkSession(sessionId: string | undefined): void {
    if (!this.sessions.has(sessionId ?? '')) throw new ConnectError(`session "${sessionId}" not found`, Code.NotFound);
  }
}
