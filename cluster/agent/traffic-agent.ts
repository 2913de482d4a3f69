import type { ServerHttp2Stream } from 'node:http2';
import { formatIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { GrpcServer } from '#net/grpc/grpc-server.ts';
import type { KeepAliveTiming } from '#net/mux/mux-connection.ts';
import { isDialable } from '#net/relay/dial-policy.ts';
import { relayTcp } from '#net/relay/tcp-relay.ts';
import { relayUdp } from '#net/relay/udp-relay.ts';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { agentTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { describeConnection, type Endpoint, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { CalleeStream } from '#net/tunnel/tunnel-stream.ts';
import type { AgentPort } from '#protocol/agent/agent-config.ts';
import { wireVersion } from '#protocol/cluster/desktop-wire.ts';
import { Agent } from '#protocol/cluster/generated/agent_pb.js';
import { InterceptDispositionType, type InterceptInfo } from '#protocol/cluster/generated/manager_pb.js';
import { type AgentLog, parseLogLevel } from './agent-log.ts';
import { appEnvironment } from './app-environment.ts';
import { HealthServer } from './health-server.ts';
import { assessIntercepts, type PortIntercept, type Verdict } from './intercepts.ts';
import { CallerCheck } from './laptop/caller-check.ts';
import { DialWatchers } from './laptop/dial-watchers.ts';
import { keepAlive, standardKeepAlive } from './laptop/keep-alive.ts';
import { LaptopDialer } from './laptop/laptop-dialer.ts';
import { type AgentSession, ManagerSession, type ManagerTiming } from './manager/manager-session.ts';
import { isPathControl } from './ports/path-control.ts';
import { TcpPort } from './ports/tcp-port.ts';
import { UdpPort } from './ports/udp-port.ts';
import { agentProductName } from './product-version.ts';
import type { AgentSettings } from './settings.ts';

export interface TrafficAgentOptions {
  readonly settings: AgentSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly log: AgentLog;
  /** Default: all addresses. */
  readonly host?: string;
  readonly managerTiming?: Partial<ManagerTiming>;
  readonly keepAliveTiming?: KeepAliveTiming;
  /** How long the pod waits for the first word of intercepts before it counts as ready. Default 5 s. */
  readonly readyGraceMs?: number;
}

const watchDialPath = '/telepresence.agent.Agent/WatchDial';

/** What a laptop that names no time-out gets, and the most that it can ask for. */
const dialTimeoutMs = { default: 5_000, max: 60_000 };

const udpIdleMs = 60_000;

/**
 * A pod that is ready gets requests, and gives them to the app until it knows better. The traffic-manager answers within a moment; one that
 * is away must not keep pods from their Services for longer than this.
 */
const readyGraceMs = 5_000;

/** What open calls have to end in. */
const stopGraceMs = 1_000;

/**
 * The traffic-agent of one pod. Its ports work from the start, with or without a traffic-manager: whatever fails, the app answers. It counts
 * as ready when it knows the intercepts, so that a pod that joins a Service does not take requests past a laptop.
 */
export class TrafficAgent {
  readonly #options: TrafficAgentOptions;
  readonly #logger: Logger;
  readonly #callers: CallerCheck;
  readonly #watchers: DialWatchers;
  readonly #dialer: LaptopDialer;
  readonly #ports = new Map<AgentPort, TcpPort | UdpPort>();
  readonly #server: GrpcServer;
  readonly #keepAlive: KeepAliveTiming;
  readonly #health: HealthServer;
  readonly #reviewed = new Map<string, Verdict['kind']>();
  #byPort: ReadonlyMap<AgentPort, PortIntercept> = new Map();
  #reviewedIn: AgentSession | undefined;
  #manager: ManagerSession | undefined;
  #readiness: 'waiting' | 'ready' | 'leaving' = 'waiting';
  #readyTimer: NodeJS.Timeout | undefined;

  constructor(options: TrafficAgentOptions) {
    const { settings, log, host } = options;
    this.#options = options;
    this.#logger = log.logger('agent', { workload: settings.config.workload.name, pod: settings.podName });
    this.#keepAlive = options.keepAliveTiming ?? standardKeepAlive;
    this.#callers = new CallerCheck({
      ask: async (sessionId, signal) => (await this.#manager?.checkCaller(sessionId, signal)) ?? false,
      isOwner: (sessionId) => [...this.#byPort.values()].some((intercept) => intercept.sessionId === sessionId),
    });
    this.#watchers = new DialWatchers({
      isAllowed: async (sessionId) => await this.#callers.isAllowed(sessionId),
      onWatched: (sessionId) => {
        this.#logger.info('A laptop watches this pod', { session: sessionId });
        this.#laptopReturned(sessionId);
      },
      onUnwatched: (sessionId) => this.#logger.info('A laptop watches this pod no more', { session: sessionId }),
    });
    this.#dialer = new LaptopDialer({
      watchers: this.#watchers,
      logger: this.#logger.child('dialer'),
      openJoined: (info) => {
        if (this.#manager === undefined) throw new Error('The agent has not started');
        return this.#manager.openJoined(info);
      },
    });
    for (const port of settings.config.containers.flatMap(({ ports }) => ports)) {
      const parts = { port, dialer: this.#dialer, logger: this.#logger.child('port'), ...(host === undefined ? {} : { host }) };
      const podIp = settings.podIp === '' ? '127.0.0.1' : settings.podIp;
      this.#ports.set(port, port.protocol === 'TCP' ? new TcpPort(parts) : new UdpPort({ ...parts, podIp }));
    }
    this.#server = new GrpcServer({
      routes: (router) => router.service(Agent, { version: () => ({ name: agentProductName, version: wireVersion }) }),
      rawCalls: new Map([
        [agentTunnelPath, (stream) => void this.#serveCall(stream)],
        [watchDialPath, (stream) => this.#serveWatchDial(stream)],
      ]),
      onMuxStream: (stream) => void this.#serveTunnel(stream),
      muxKeepAlive: this.#keepAlive,
      logger: this.#logger.child('grpc'),
    });
    this.#health = new HealthServer(() => this.#readiness === 'ready');
  }

  /** Callers' TCP connections. */
  get connectionCount(): number {
    return [...this.#ports.values()].reduce((sum, port) => sum + (port instanceof TcpPort ? port.connectionCount : 0), 0);
  }

  /** Resolves when connections are taken; the traffic-manager is not waited for. */
  async start(): Promise<{ readonly apiPort: number; readonly healthPort: number }> {
    const { settings, host, managerTiming } = this.#options;
    const { config, podName, podIp } = settings;
    const healthPort = await this.#health.listen(config.healthPort, host);
    await Promise.all([...this.#ports.values()].map(async (port) => await port.listen()));
    const apiPort = await this.#server.listen(config.apiPort, host);
    const [product, version] = [agentProductName, wireVersion];
    this.#manager = new ManagerSession({
      url: `http://${config.managerHost.includes(':') ? `[${config.managerHost}]` : config.managerHost}:${config.managerPort}`,
      agent: {
        name: config.workload.name,
        namespace: config.namespace,
        podName,
        podIp,
        apiPort,
        product,
        version,
        mechanisms: [{ name: 'tcp', product, version }],
      },
      logger: this.#logger.child('manager'),
      onIntercepts: (intercepts, session) => this.#apply(intercepts, session),
      onLogLevel: (level, durationMs) => {
        const known = parseLogLevel(level);
        if (known !== undefined) this.#options.log.setLevel(known, durationMs);
      },
      ...(managerTiming === undefined ? {} : { timing: managerTiming }),
    });
    this.#manager.start();
    this.#readyTimer = setTimeout(() => {
      if (this.#readiness === 'waiting') this.#logger.warn('Ready without a word of the traffic-manager');
      this.#becomeReady();
    }, this.#options.readyGraceMs ?? readyGraceMs);
    this.#logger.info('Listening', { apiPort, healthPort, ports: [...this.#ports.keys()].map(({ agentPort }) => agentPort) });
    return { apiPort, healthPort };
  }

  /** Has Services lead elsewhere; all else goes on. */
  announceEnd(): void {
    this.#readiness = 'leaving';
    clearTimeout(this.#readyTimer);
  }

  /**
   * Takes leave of the traffic-manager; connections go on, and new ones still go where they went, for the app outlives the announcement and
   * Services lead here for a while.
   */
  async leave(): Promise<void> {
    this.announceEnd();
    await this.#manager?.stop();
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await this.leave();
    await Promise.all([...this.#ports.values()].map(async (port) => await port.stop()));
    this.#manager?.destroyTunnels();
    await Promise.all([this.#server.stop(stopGraceMs), this.#health.stop()]);
  }

  #apply(intercepts: readonly InterceptInfo[], session: AgentSession): void {
    const { byPort, verdicts } = assessIntercepts(intercepts, this.#options.settings.config);
    const switched: Promise<void>[] = [];
    for (const [port, served] of this.#ports) {
      const [before, after] = [this.#byPort.get(port), byPort.get(port)];
      const inPlace = served.setIntercept(after);
      if (inPlace !== undefined) switched.push(inPlace);
      if (before?.id === after?.id) continue;
      this.#logger.info(after === undefined ? 'Connections go to the app' : 'Connections go to a laptop', {
        port: port.containerPort,
        protocol: port.protocol,
        intercept: after?.id ?? before?.id,
      });
    }
    this.#byPort = byPort;
    this.#dialer.keepSessions(new Set([...byPort.values()].map(({ sessionId }) => sessionId)));
    if (this.#reviewedIn !== session) this.#reviewed.clear();
    this.#reviewedIn = session;
    const waiting = new Set(verdicts.map(({ id }) => id));
    for (const id of this.#reviewed.keys()) if (!waiting.has(id)) this.#reviewed.delete(id);
    // Neither the laptop nor a Service may count on the pod while connections pass the agent by.
    const inPlace = Promise.all(switched);
    for (const { id, verdict } of verdicts) void this.#review(id, verdict, session, inPlace);
    void inPlace.then(() => this.#becomeReady());
  }

  #becomeReady(): void {
    clearTimeout(this.#readyTimer);
    if (this.#readiness === 'waiting') this.#readiness = 'ready';
  }

  /** Once for each verdict, and again after a failure with the next snapshot. */
  async #review(id: string, verdict: Verdict, session: AgentSession, inPlace: Promise<unknown>): Promise<void> {
    if (this.#reviewed.get(id) === verdict.kind) return;
    this.#reviewed.set(id, verdict.kind);
    try {
      await inPlace;
      await session.review({ id, ...this.#answer(verdict) });
    } catch (error) {
      this.#reviewed.delete(id);
      if (!session.signal.aborted) this.#logger.warn('An intercept could not be reviewed', { intercept: id, error });
    }
  }

  #answer(verdict: Verdict) {
    if (verdict.kind === 'refused') return { disposition: verdict.disposition, message: verdict.message };
    return {
      disposition: InterceptDispositionType.ACTIVE,
      podIp: this.#options.settings.podIp,
      mechanismArgsDesc: verdict.port.protocol === 'TCP' ? 'all TCP connections' : 'all UDP datagrams',
      environment: appEnvironment(this.#options.env, verdict.container),
    };
  }

  #laptopReturned(sessionId: string): void {
    this.#dialer.sawLaptop(sessionId);
    for (const [port, { sessionId: owner }] of this.#byPort) if (owner === sessionId) this.#ports.get(port)?.laptopReturned();
  }

  /** Laptops come by port-forwards, which do not end when the laptop vanishes. */
  #serveWatchDial(stream: ServerHttp2Stream): void {
    if (stream.session !== undefined) keepAlive(stream.session, this.#keepAlive);
    this.#watchers.serve(stream);
  }

  async #serveCall(stream: ServerHttp2Stream): Promise<void> {
    if (stream.session !== undefined) keepAlive(stream.session, this.#keepAlive);
    await this.#serveTunnel(stream);
  }

  async #serveTunnel(stream: CalleeStream): Promise<void> {
    try {
      const { info, tunnel } = await acceptTunnel(stream);
      tunnel.on('error', () => undefined);
      const claim = this.#watchers.claim(info, tunnel);
      if (claim === 'late') tunnel.dialReject();
      else if (claim === 'none') await this.#dialForCaller(info, tunnel);
    } catch (error) {
      this.#logger.debug('A tunnel failed before it began', { error });
      stream.destroy();
    }
  }

  /** Not a reject for those who may not: it is no word of the destination's. */
  async #dialForCaller(info: StreamInfo, tunnel: TunnelDuplex): Promise<void> {
    if (await this.#callers.isAllowed(info.sessionId)) {
      if (!tunnel.destroyed) this.#dialOut(info, tunnel);
      return;
    }
    this.#logger.warn('A tunnel of a session that is not known was refused', {
      connection: describeConnection(info.connectionId),
    });
    tunnel.destroy();
  }

  #dialOut(info: StreamInfo, tunnel: TunnelDuplex): void {
    const { destination, protocol } = info.connectionId;
    const isOwner = [...this.#byPort.values()].some(({ sessionId }) => sessionId === info.sessionId);
    // What listens on the pod's loopback is for the pod, and for the laptop that stands in for it.
    // Neither is it a laptop's to turn connections by the agent's own means.
    if (isPathControl(destination.ip) || (!isDialable(destination.ip) && !(isOwner && isLoopback(destination)))) {
      this.#logger.debug('A tunnel was refused', { connection: describeConnection(info.connectionId) });
      tunnel.dialReject();
      return;
    }
    const target = { host: formatIp(destination.ip), port: this.#publicPort(destination, protocol) };
    const asked = info.dialTimeoutMs > 0 ? info.dialTimeoutMs : dialTimeoutMs.default;
    if (protocol === 'udp') relayUdp(tunnel, target, { idleMs: udpIdleMs });
    else relayTcp(tunnel, target, { dialTimeoutMs: Math.min(asked, dialTimeoutMs.max) });
  }

  /** The agent's own connections are not redirected; to a redirected port of this pod they would pass by the intercept that others meet. */
  #publicPort(destination: Endpoint, protocol: 'tcp' | 'udp'): number {
    if (formatIp(destination.ip) !== this.#options.settings.podIp) return destination.port;
    const redirected = [...this.#ports.keys()].find(
      (port) => port.mode === 'redirect' && port.containerPort === destination.port && port.protocol.toLowerCase() === protocol,
    );
    return redirected?.agentPort ?? destination.port;
  }
}

function isLoopback({ ip }: Endpoint): boolean {
  return ip.family === 4 ? ip.value >> 24n === 127n : ip.value === 1n;
}
