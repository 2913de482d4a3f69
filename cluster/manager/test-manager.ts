import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2, { type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { parseIp } from '#base/common/ip.ts';
import { FakeApiServer } from '#net/kube/fake-api-server.ts';
import { clientSessionOptions, connectionWindowBytes } from '#net/tunnel/http2-options.ts';
import { managerTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import type { Protocol } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Manager, type SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { readInjectorSettings } from '../injector/injector-settings.ts';
import type { Nameserver } from './dns/dns-exchange.ts';
import { readEnvironment } from './environment.ts';
import { TestAgent } from './intercepts/test-agent.ts';
import { TestInjector } from './intercepts/test-injector.ts';
import { ManagerLog } from './manager-log.ts';
import { TrafficManager } from './traffic-manager.ts';

/** For tests: a traffic-manager and a laptop on loopback, in a cluster that is a fake API server. */
export class TestManager {
  readonly api = new FakeApiServer();
  readonly manager: TrafficManager;
  readonly laptop: Client<typeof Manager>;
  readonly session: SessionInfo;
  readonly healthUrl: string;
  readonly url: string;
  readonly injector: TestInjector;
  readonly #http2: ClientHttp2Session;
  readonly #transport: Http2SessionManager;
  readonly #cleanups: (() => unknown)[];
  #nextPort = 20_000;

  private constructor(parts: {
    readonly api: FakeApiServer;
    readonly manager: TrafficManager;
    readonly laptop: Client<typeof Manager>;
    readonly session: SessionInfo;
    readonly http2: ClientHttp2Session;
    readonly transport: Http2SessionManager;
    readonly healthPort: number;
    readonly url: string;
    readonly injector: TestInjector;
    readonly cleanups: (() => unknown)[];
  }) {
    this.api = parts.api;
    this.manager = parts.manager;
    this.laptop = parts.laptop;
    this.session = parts.session;
    this.url = parts.url;
    this.injector = parts.injector;
    this.#http2 = parts.http2;
    this.#transport = parts.transport;
    this.healthUrl = `http://127.0.0.1:${parts.healthPort}`;
    this.#cleanups = parts.cleanups;
  }

  static async start(
    options: {
      readonly prepare?: (api: FakeApiServer) => void;
      readonly env?: Readonly<Record<string, string>>;
      readonly nameservers?: readonly Nameserver[];
      readonly now?: () => number;
      readonly refuseLoopback?: boolean;
      readonly settleMs?: number;
    } = {},
  ): Promise<TestManager> {
    const api = new FakeApiServer();
    const kube = await api.start();
    api.addCollections(
      '/api/v1/nodes',
      '/api/v1/pods',
      '/api/v1/namespaces/ambassador/configmaps',
      '/apis/networking.k8s.io/v1/servicecidrs',
    );
    options.prepare?.(api);
    const directory = mkdtempSync(join(tmpdir(), 'manager-test-'));
    const resolvConfFile = join(directory, 'resolv.conf');
    writeFileSync(resolvConfFile, 'search ambassador.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n');
    const log = new ManagerLog('error', () => undefined);
    const injector = new TestInjector();
    const manager = new TrafficManager({
      injector,
      injectorSettings: readInjectorSettings({}),
      settleMs: options.settleMs ?? 0,
      settings: readEnvironment({ SERVER_PORT: '0', HEALTH_PORT: '0', POD_IP: '10.244.0.7', ...options.env }),
      kube,
      log,
      kubernetesServiceIp: '10.96.0.1',
      host: '127.0.0.1',
      resolvConfFile,
      ...(options.refuseLoopback === true ? {} : { mayDial: () => true }),
      ...(options.nameservers === undefined ? {} : { nameservers: options.nameservers }),
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    const { serverPort, healthPort } = await manager.start();
    const url = `http://127.0.0.1:${serverPort}`;
    const transport = new Http2SessionManager(url);
    const laptop = createClient(Manager, createGrpcTransport({ baseUrl: url, sessionManager: transport }));
    const session = await laptop.arriveAsClient({
      name: 'me@laptop',
      namespace: 'shop',
      installId: 'i',
      product: 'telepresence',
      version: '2.20.3',
    });
    const tunnels = http2.connect(url, clientSessionOptions);
    tunnels.on('error', () => undefined);
    await new Promise((resolve) => tunnels.once('connect', resolve));
    tunnels.setLocalWindowSize(connectionWindowBytes);
    const cleanups = [
      () => tunnels.destroy(),
      () => transport.abort(),
      () => manager.stop(),
      () => kube.close(),
      () => api.stop(),
      () => rmSync(directory, { recursive: true }),
    ];
    return new TestManager({ api, manager, laptop, session, http2: tunnels, transport, healthPort, url, injector, cleanups });
  }

  /** Opens a tunnel to a port of loopback. */
  open(
    protocol: Protocol,
    port: number,
    options: { readonly host?: string; readonly sessionId?: string; readonly dialTimeoutMs?: number } = {},
  ): TunnelDuplex {
    const ip = (text: string) => parseIp(text) ?? fail(text);
    this.#nextPort += 1;
    const tunnel = openTunnel(this.#http2, managerTunnelPath, {
      connectionId: {
        source: { ip: ip('198.18.0.1'), port: this.#nextPort },
        destination: { ip: ip(options.host ?? '127.0.0.1'), port },
        protocol,
      },
      sessionId: options.sessionId ?? this.session.sessionId,
      dialTimeoutMs: options.dialTimeoutMs ?? 5_000,
      roundtripMs: 0,
    });
    tunnel.on('error', () => undefined);
    return tunnel;
  }

  /** Another laptop, with a session of its own. */
  async arrive(name: string, more: { readonly installId?: string; readonly namespace?: string; readonly product?: string } = {}) {
    const { installId = name, namespace = 'shop', product = 'telepresence' } = more;
    return await this.laptop.arriveAsClient({ name, namespace, installId, product, version: '2.20.3' });
  }

  /** The agent of a new pod. */
  async agent(workload: string, podName: string, podIp = '10.244.0.20'): Promise<TestAgent> {
    const agent = await TestAgent.arrive(this.url, workload, podName, podIp);
    this.#cleanups.unshift(() => agent.stop());
    return agent;
  }

  get tunnelSession(): ClientHttp2Session {
    return this.#http2;
  }

  get transport(): Http2SessionManager {
    return this.#transport;
  }

  async stop(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
  }
}

function fail(text: string): never {
  throw new Error(`not an address: ${text}`);
}
