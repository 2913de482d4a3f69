import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IpAddress } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { GrpcServer } from '#net/grpc/grpc-server.ts';
import { serveUnary, unaryAnswer } from '#net/grpc/unary-call.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { type DNSRequest, Manager } from '#protocol/cluster/generated/manager_pb.js';
import { Injector } from '../injector/injector.ts';
import type { InjectorSettings } from '../injector/injector-settings.ts';
import { ClusterDns } from './dns/cluster-dns.ts';
import { DnsExchange, type Nameserver } from './dns/dns-exchange.ts';
import { clusterDomainOf, parseResolvConf } from './dns/resolv-conf.ts';
import type { ManagerSettings } from './environment.ts';
import { HttpEndpoints, plain } from './health/http-endpoints.ts';
import { formatMetrics } from './health/manager-metrics.ts';
import { ClusterInfoSource } from './info/cluster-info-source.ts';
import { InterceptPreparer } from './intercepts/intercept-preparer.ts';
import { InterceptRegistry } from './intercepts/intercept-registry.ts';
import type { WorkloadInjector } from './intercepts/workload-injector.ts';
import type { ManagerLog } from './manager-log.ts';
import { ManagedNamespaces } from './namespaces/managed-namespaces.ts';
import { desktopService } from './service/desktop-service.ts';
import { answerLookup, lookupDnsPath } from './service/lookup-dns.ts';
import { managerService } from './service/manager-service.ts';
import { mayRevoke } from './service/may-revoke.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { DialRelay } from './tunnel/dial-relay.ts';
import { OpenTunnels } from './tunnel/open-tunnels.ts';
import { serveTunnel } from './tunnel/serve-tunnel.ts';
import { WorkloadSource } from './workloads/workload-source.ts';

export interface TrafficManagerOptions {
  readonly settings: ManagerSettings;
  readonly kube: KubeClient;
  readonly log: ManagerLog;
  /** The API's own service, for the guess of service ranges. */
  readonly kubernetesServiceIp: string;
  /** Default /etc/resolv.conf. */
  readonly resolvConfFile?: string;
  /** Default: those of resolv.conf, port 53. */
  readonly nameservers?: readonly Nameserver[];
  /** Default: all interfaces. */
  readonly host?: string;
  readonly mayDial?: (ip: IpAddress) => boolean;
  readonly injectorSettings: InjectorSettings;
  /** Default: the real one. */
  readonly injector?: RunningInjector;
  /** For `InterceptRegistry`. */
  readonly settleMs?: number;
  /** Milliseconds, monotonic. Default `performance.now`. */
  readonly now?: () => number;
}

interface RunningInjector extends WorkloadInjector {
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface NamespaceObject {
  readonly metadata: { readonly uid: string };
}

const agentTtlMs = 15_000;
/** A laptop of this product that woke up later arrives anew by itself; until then it must not hold what it intercepted. */
const desktopTtlMs = 10 * 60_000;
const sweepEveryMs = 5_000;

/** What open calls and tunnels have to end in, well within the 30 s that Kubernetes gives a pod. */
const stopGraceMs = 2_500;

const dnsPort = 53;

/** The traffic-manager: sessions, what laptops are told of the cluster, look-ups and tunnels. */
export class TrafficManager {
  readonly #options: TrafficManagerOptions;
  readonly #logger: Logger;
  readonly #sessions: SessionRegistry;
  readonly #stops: (() => Promise<void> | void)[] = [];
  readonly #stop = new AbortController();
  readonly #tunnels = new OpenTunnels();
  readonly #intercepts: InterceptRegistry;
  readonly #relay: DialRelay;
  readonly #workloads: WorkloadSource;
  #identity = { clusterId: '', installId: '' };
  #isReady = false;
  #connects = 0;
  #ingressBytes = 0n;
  #egressBytes = 0n;

  constructor(options: TrafficManagerOptions) {
    this.#options = options;
    this.#logger = options.log.logger('manager');
    const limits = { laptopTtlMs: options.settings.clientConnectionTtlMs, desktopTtlMs, agentTtlMs };
    this.#sessions = new SessionRegistry(limits, options.now ?? (() => performance.now()), (session, end) =>
      this.#logger.info('A session ended', { session: session.id, end }),
    );
    this.#workloads = new WorkloadSource({
      kube: options.kube,
      logger: this.#logger.child('workloads'),
      managerNamespace: options.settings.namespace,
      kinds: options.settings.workloads,
    });
    this.#intercepts = new InterceptRegistry({
      sessions: this.#sessions,
      logger: this.#logger.child('intercepts'),
      onWorkloadChanged: (namespace, workload) => this.#workloads.touch(namespace, workload),
      ...(options.settleMs === undefined ? {} : { settleMs: options.settleMs }),
    });
    this.#relay = new DialRelay(this.#logger.child('relay'));
    this.#sessions.subscribe(({ kind, session }) => {
      if (session.kind === 'laptop' && kind === 'ended') this.#relay.end(session.id);
      if (session.kind === 'agent') this.#workloads.touch(session.agent.namespace, session.agent.name);
    });
  }

  get sessions(): SessionRegistry {
    return this.#sessions;
  }

  get tunnelCount(): number {
    return this.#tunnels.count;
  }

  /** Listens, and begins to look at the cluster; resolves when calls are taken. */
  async start(): Promise<{ readonly serverPort: number; readonly healthPort: number }> {
    const { settings, kube, log, host } = this.#options;
    const { info, dns, clusterDomain } = await this.#openCluster();
    const injector = this.#options.injector ?? this.#realInjector(clusterDomain);
    this.#stops.push(() => injector.stop());
    await injector.start();
    this.#stops.push(() => this.#workloads.stop());
    this.#stops.push(() => this.#intercepts.stop());
    const namespaces = new ManagedNamespaces({
      kube,
      logger: this.#logger.child('namespaces'),
      managerNamespace: settings.namespace,
      names: settings.managedNamespaces,
      selector: settings.managedNamespaceSelector,
    });
    const preparer = new InterceptPreparer({
      sessions: this.#sessions,
      intercepts: this.#intercepts,
      namespaces,
      injector,
      workloads: (namespace, signal) => this.#workloads.list(namespace, signal),
      agentImage: settings.agentImage,
      agentArrivalTimeoutMs: settings.agentArrivalTimeoutMs,
      logger: this.#logger.child('injection'),
    });
    const service = managerService({
      sessions: this.#sessions,
      intercepts: this.#intercepts,
      preparer,
      relay: this.#relay,
      excludedVariables: settings.excludedVariables,
      namespaces,
      info,
      workloads: this.#workloads,
      log,
      logger: this.#logger.child('sessions'),
      logSource: { kube, namespace: settings.namespace, podName: settings.podName, log },
      identity: () => this.#identity,
      agentImage: settings.agentImage,
      onTraffic: (ingress, egress) => {
        this.#ingressBytes += ingress;
        this.#egressBytes += egress;
      },
      onArrived: () => (this.#connects += 1),
    });
    const desktop = desktopService({
      sessions: this.#sessions,
      intercepts: this.#intercepts,
      preparer,
      mayRevoke: (id, nonce, signal) => mayRevoke({ kube, namespace: settings.namespace }, { id, nonce }, signal),
      injector,
      workloads: (namespace, signal) => this.#workloads.list(namespace, signal),
      logger: this.#logger.child('injection'),
    });
    const lookup = async (request: DNSRequest, signal?: AbortSignal) =>
      await answerLookup(request, { sessions: this.#sessions, dns }, signal);
    const server = new GrpcServer({
      routes: (router) => router.service(Manager, service).service(Desktop, desktop),
      rawCalls: new Map([
        [managerTunnelPath, (stream) => this.#serveTunnel(stream)],
        [lookupDnsPath, (stream) => void serveUnary(stream, Manager.method.lookupDNS, lookup)],
      ]),
      onMuxStream: (stream) => this.#serveTunnel(stream),
      // The only call there is.
      onMuxCall: async (question) => await unaryAnswer(Manager.method.lookupDNS, question, lookup),
      maxMessageBytes: settings.maxReceiveBytes,
      logger: this.#logger.child('grpc'),
    });
    const sweep = setInterval(() => this.#sessions.sweep(), sweepEveryMs);
    this.#stops.push(() => clearInterval(sweep));
    this.#stops.push(() => server.stop(stopGraceMs));
    const serverPort = await server.listen(settings.serverPort, host);
    const healthPort = await this.#listenHttp();
    this.#logger.info('Listening', { serverPort, healthPort });
    return { serverPort, healthPort };
  }

  /** Sends GOAWAY, ends calls, sessions and tunnels, and stops looking at the cluster: within 3 s. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#isReady = false;
    const stopped = this.#stops.splice(0).map(async (stop) => await stop());
    this.#sessions.stop();
    await Promise.all(stopped);
    this.#logger.info('Stopped');
  }

  async #openCluster(): Promise<{ readonly info: ClusterInfoSource; readonly dns: ClusterDns; readonly clusterDomain: string }> {
    const { settings, kube, kubernetesServiceIp } = this.#options;
    const conf = parseResolvConf(await readFile(this.#options.resolvConfFile ?? '/etc/resolv.conf', 'utf8'));
    const nameservers = this.#options.nameservers ?? conf.nameservers.map((address) => ({ address, port: dnsPort }));
    const clusterDomain = clusterDomainOf(conf);
    const exchange = new DnsExchange(nameservers);
    this.#stops.push(() => exchange.close());
    const info = new ClusterInfoSource({
      kube,
      logger: this.#logger.child('info'),
      managerNamespace: settings.namespace,
      kubernetesServiceIp,
      strategy: settings.podCidrStrategy,
      podCidrs: settings.podCidrs,
      managedNamespaces: settings.managedNamespaces,
      place: {
        managerPodIp: settings.podIp,
        managerPort: settings.serverPort,
        kubeDnsIp: nameservers[0]?.address ?? '',
        clusterDomain,
      },
    });
    this.#stops.push(() => info.stop());
    this.#supervise('info', async () => {
      await info.start();
      this.#isReady = true;
    });
    this.#supervise('identity', () => this.#readIdentity());
    return { info, dns: new ClusterDns(exchange, clusterDomain, this.#logger.child('dns')), clusterDomain };
  }

  #realInjector(clusterDomain: string): RunningInjector {
    const { settings, kube, host, injectorSettings } = this.#options;
    return new Injector({
      kube,
      managerNamespace: settings.namespace,
      managerHost: `${managerName}.${settings.namespace}.svc.${clusterDomain.replace(/\.$/, '')}`,
      managerPort: settings.serverPort,
      agentImage: settings.agentImage,
      logger: this.#options.log.logger('injector'),
      settings: injectorSettings,
      namespaces: settings.managedNamespaces,
      ...(host === undefined ? {} : { host }),
    });
  }

  /** The ids that tell clusters and installations apart: those of namespaces that live as long as they do. */
  async #readIdentity(): Promise<void> {
    const { kube, settings } = this.#options;
    const uidOf = async (namespace: string) => {
      try {
        const path = `/api/v1/namespaces/${namespace}`;
        const found = await kube.request<NamespaceObject>({ method: 'GET', path, signal: this.#stop.signal });
        return found.metadata.uid;
      } catch (error) {
        // Rights in a few namespaces only: laptops get along without.
        if (error instanceof KubeStatusError) return '';
        throw error;
      }
    };
    const [clusterId, installId] = await Promise.all([uidOf('default'), uidOf(settings.namespace)]);
    this.#identity = { clusterId: clusterId === '' ? installId : clusterId, installId };
  }

  #serveTunnel(stream: Parameters<typeof serveTunnel>[0]): void {
    const { mayDial } = this.#options;
    serveTunnel(stream, {
      findSession: (id) => this.#sessions.findOrDeparted(id),
      onUsed: ({ id }) => this.#sessions.touch(id),
      mayCall: (agent, laptopSessionId) => this.#intercepts.isServedBy(laptopSessionId, agent),
      relay: this.#relay,
      tunnels: this.#tunnels,
      logger: this.#logger,
      ...(mayDial === undefined ? {} : { mayDial }),
    }).catch((error: unknown) => {
      this.#logger.debug('A tunnel failed before it began', { error });
      stream.destroy();
    });
  }

  async #listenHttp(): Promise<number> {
    const { settings, host } = this.#options;
    const health = new HttpEndpoints({
      '/healthz': () => plain(200, 'ok'),
      '/readyz': () => (this.#isReady ? plain(200, 'ok') : plain(503, 'the cluster has not answered yet')),
    });
    this.#stops.push(() => health.stop());
    if (settings.prometheusPort > 0) {
      const metrics = new HttpEndpoints({
        '/metrics': () => ({ status: 200, contentType: 'text/plain; version=0.0.4', body: this.metrics() }),
      });
      this.#stops.push(() => metrics.stop());
      await metrics.listen(settings.prometheusPort, host);
    }
    return await health.listen(settings.healthPort, host);
  }

  /** In the format of Prometheus. */
  metrics(): string {
    return formatMetrics({
      laptops: this.#sessions.laptopCount,
      agents: this.#sessions.agentCount,
      tunnels: this.#tunnels.count,
      activeIntercepts: this.#intercepts.activeCount,
      intercepts: this.#intercepts.createdCount,
      connects: this.#connects,
      tunnelIngressBytes: this.#ingressBytes,
      tunnelEgressBytes: this.#egressBytes,
    });
  }

  /** Runs until it succeeds or the traffic-manager stops. */
  #supervise(name: string, run: () => Promise<void>): void {
    const { signal } = this.#stop;
    const loop = async () => {
      for (let attempt = 1; !signal.aborted; attempt += 1) {
        try {
          await run();
          return;
        } catch (error) {
          if (signal.aborted) return;
          this.#logger.warn('The cluster could not be asked; trying again', { part: name, attempt, error });
          await sleep(Math.min(10_000, 250 * 2 ** Math.min(attempt, 6)), undefined, { signal }).catch(() => undefined);
        }
      }
    };
    const running = loop();
    this.#stops.push(() => running);
  }
}
