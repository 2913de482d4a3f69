import http2, { type ClientHttp2Session } from 'node:http2';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { parseIp } from '#base/common/ip.ts';
import { clientSessionOptions } from '#net/tunnel/http2-options.ts';
import { managerTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import type { Protocol } from '#net/tunnel/stream-info.ts';
import { tunnelCode } from '#net/tunnel/tunnel-code.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { InterceptDispositionType, Manager, type SessionInfo } from '#protocol/cluster/generated/manager_pb.js';

/** For tests: the agent of one pod, which takes on every intercept that waits. */
export class TestAgent {
  readonly manager: Client<typeof Manager>;
  readonly session: SessionInfo;
  readonly podName: string;
  readonly #http2: ClientHttp2Session;
  readonly #transport: Http2SessionManager;
  readonly #life = new AbortController();
  #nextPort = 40_000;

  private constructor(
    manager: Client<typeof Manager>,
    session: SessionInfo,
    podName: string,
    url: string,
    transport: Http2SessionManager,
  ) {
    this.manager = manager;
    this.session = session;
    this.podName = podName;
    this.#transport = transport;
    this.#http2 = http2.connect(url, clientSessionOptions);
    this.#http2.on('error', () => undefined);
  }

  static async arrive(url: string, workload: string, podName: string, podIp: string): Promise<TestAgent> {
    const transport = new Http2SessionManager(url);
    const manager = createClient(Manager, createGrpcTransport({ baseUrl: url, sessionManager: transport }));
    const session = await manager.arriveAsAgent({
      name: workload,
      namespace: 'shop',
      podName,
      podIp,
      apiPort: 9901,
      product: 'traffic-agent',
      version: 'v2.20.3',
      mechanisms: [{ name: 'tcp', product: 'traffic-agent', version: 'v2.20.3' }],
    });
    return new TestAgent(manager, session, podName, url, transport);
  }

  /** Reviews from now on, in the background. */
  work(disposition = InterceptDispositionType.ACTIVE, message = ''): this {
    this.#work(disposition, message).catch(() => undefined);
    return this;
  }

  /** A caller in the cluster has connected; the laptop's handler is at `port`. */
  call(
    laptopSessionId: string,
    port: number,
    options: { readonly protocol?: Protocol; readonly dialTimeoutMs?: number } = {},
  ): TunnelDuplex {
    this.#nextPort += 1;
    const tunnel = openTunnel(this.#http2, managerTunnelPath, {
      connectionId: {
        source: { ip: address('10.244.0.9'), port: this.#nextPort },
        destination: { ip: address('127.0.0.1'), port },
        protocol: options.protocol ?? 'tcp',
      },
      sessionId: this.session.sessionId,
      dialTimeoutMs: options.dialTimeoutMs ?? 5_000,
      roundtripMs: 0,
    });
    tunnel.on('error', () => undefined);
    tunnel.sendControl(tunnelCode.session, Buffer.from(laptopSessionId));
    return tunnel;
  }

  async leave(): Promise<void> {
    await this.manager.depart(this.session);
    this.stop();
  }

  stop(): void {
    this.#life.abort();
    this.#http2.destroy();
    this.#transport.abort();
  }

  async #work(disposition: InterceptDispositionType, message: string): Promise<void> {
    for await (const { intercepts } of this.manager.watchIntercepts(this.session, { signal: this.#life.signal })) {
      for (const intercept of intercepts) {
        if (intercept.disposition !== InterceptDispositionType.WAITING) continue;
        await this.manager.reviewIntercept({
          session: this.session,
          id: intercept.id,
          disposition,
          message,
          environment: { POD: this.podName },
          mountPoint: '/tel_app_mounts/app',
        });
      }
    }
  }
}

function address(text: string) {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return ip;
}
