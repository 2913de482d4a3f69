import { containsIp } from '#base/common/cidr.ts';
import type { IpAddress } from '#base/common/ip.ts';
import type { Logger, LogLevel } from '#base/common/log.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import type { Endpoint, Protocol } from '#net/tunnel/stream-info.ts';
import { wireVersion } from '#protocol/cluster/desktop-wire.ts';
import type { ClusterInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type {
  Connection as ConnectionSnapshot,
  ConnectionState,
  ConnectRequest,
  ConnectStage,
  Engagement,
  HealthCondition,
} from '#protocol/local-api/model.ts';
import type { DnsVerification } from '../dns/verify-dns.ts';
import { formerSession } from '../engagements/desired-engagements.ts';
import { Engagements } from '../engagements/engagements.ts';
import type { HandlerFiles } from '../handlers/handler-log.ts';
import { type KubeTarget, loadKubeconfig } from '../kube/kubeconfig.ts';
import { AgentLinks } from '../link/agent-links.ts';
import { ClusterSession, type SessionState } from '../link/cluster-session.ts';
import { managerError } from '../link/manager-error.ts';
import { PreferredDialer } from '../link/preferred-dialer.ts';
import { splitDialer } from '../rootless/split-dialer.ts';
import { defaultRoutes, readHostRoutes } from '../routing/host-routes.ts';
import { Rerouter } from '../routing/rerouter.ts';
import { parseLocalReroute, parseRemoteReroute } from '../routing/reroutes.ts';
import type { VirtualAddresses } from '../routing/virtual-addresses.ts';
import type { RoutingPlan } from '../routing/wanted-routes.ts';
import { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { errorDataOf } from '../workloads/error-data.ts';
import { type ClusterFacts, clusterFacts } from './cluster-facts.ts';
import { connectionSnapshot } from './connection-snapshot.ts';
import { HealthConditions } from './health-conditions.ts';
import { conflictCondition, planLaptop } from './laptop-plan.ts';
import { LaptopSide, type WantedLaptop } from './laptop-side.ts';
import { LaptopVerification } from './laptop-verification.ts';
import { Namespaces } from './namespaces.ts';
import { ownerName } from './owner-name.ts';
import type { Pause } from './pauses.ts';
import { invalidCode, invalidCondition, reconfigured, reconnectCode, reconnectCondition } from './reconfigure.ts';
import { resolveServer } from './resolve-server.ts';
import type { ConnectionSettings } from './settings.ts';

export interface SettingsSources {
  /** The kubeconfig's extension for this product. */
  readonly extension: unknown;
  /** What the traffic-manager pushes; unknown before the session is there. */
  readonly pushedYaml: string | undefined;
}

export interface ConnectionOptions {
  readonly name: string;
  readonly request: ConnectRequest;
  readonly settings: (sources: SettingsSources) => ConnectionSettings;
  readonly helperSocket: string;
  readonly startHelper: (signal: AbortSignal) => Promise<void>;
  readonly installId: string;
  /** It begins without the laptop's side. */
  readonly pause?: Pause;
  /** Where wanted engagements are kept. */
  readonly engagementsFile: string;
  readonly handlerFiles: (engagement: string) => HandlerFiles;
  readonly logger: Logger;
  readonly onChanged: (snapshot: ConnectionSnapshot) => void;
  readonly onHealth: (conditions: readonly HealthCondition[]) => void;
  readonly onEngagement: (name: string, engagement: Engagement | undefined) => void;
}

/**
 * One connection of the laptop with one cluster: brings both sides up in named stages, then keeps them as they are wanted.
 *
 * ```
 * off → connecting(stage) → on ⇄ degraded      the laptop's side is in trouble
 *                           on ⇄ reconnecting  the cluster's side is
 *                           on ⇄ paused        the laptop's side is taken away, on request
 * ```
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #owner = ownerName();
  readonly #isIsolated: boolean;
  readonly #target: KubeTarget;
  readonly #namespace: string;
  readonly #namespaces: Namespaces;
  readonly #session: ClusterSession;
  readonly #agents: AgentLinks;
  readonly #laptop: LaptopSide;
  readonly #verification: LaptopVerification;
  readonly #rerouter: Rerouter;
  readonly #engagements: Engagements;
  /** What passes between the cluster and handlers. */
  readonly traffic = new TrafficRecorder();
  readonly #stop = new AbortController();
  readonly #health: HealthConditions;
  readonly #stageTimesMs: Record<string, number> = {};
  #settings: ConnectionSettings;
  #facts: ClusterFacts | undefined;
  #plan: RoutingPlan | undefined;
  #virtual: VirtualAddresses | undefined;
  #serverIps: readonly IpAddress[] = [];
  #state: ConnectionState = { kind: 'off' };
  #stage: { readonly name: ConnectStage; readonly since: number } | undefined;
  #sessionState: SessionState = { kind: 'up' };
  #laptopTrouble: AppError | undefined;
  #onSince = '';
  #paused: Pause | undefined;

  /** Reads the kubeconfig. @throws AppError where it names no cluster. */
  constructor(options: ConnectionOptions) {
    const { request, logger } = options;
    this.#options = options;
    this.#paused = options.pause;
    this.#isIsolated = request.mode === 'rootless';
    this.#health = new HealthConditions(options.name, options.onHealth);
    this.#target = loadKubeconfig(request);
    this.#settings = options.settings({ extension: this.#target.extension, pushedYaml: undefined });
    this.#namespace = request.namespace ?? this.#target.namespace;
    this.#namespaces = new Namespaces(this.#namespace, this.#settings.mappedNamespaces);
    this.#rerouter = new Rerouter(
      (request.rerouteRemote ?? []).map(parseRemoteReroute),
      (request.rerouteLocal ?? []).map(parseLocalReroute),
      logger.child('reroute'),
    );
    const owner = this.#owner;
    const former = formerSession(options.engagementsFile, logger);
    const openCluster = () => new KubeClient(loadKubeconfig(request).credentials);
    this.#session = new ClusterSession({
      openCluster,
      managerNamespace: this.#settings.managerNamespace,
      identity: {
        name: owner,
        namespace: this.#namespace,
        installId: options.installId,
        version: wireVersion,
      },
      logger: logger.child('session'),
      ...(former === undefined ? {} : { formerSession: former }),
      onClusterInfo: (info) => this.#clusterChanged(info),
      onStateChanged: (state) => this.#sessionChanged(state),
    });
    this.#agents = new AgentLinks({
      session: this.#session,
      openCluster,
      isEnabled: () => this.#settings.agentPortForward,
      onDialRequest: (way, dial) => void this.#engagements.accept(way, dial),
      onChanged: () => this.#publish(),
      logger: logger.child('agents'),
    });
    const dialer = new PreferredDialer({ agents: this.#agents, manager: this.#session });
    this.#laptop = new LaptopSide({
      helperSocket: options.helperSocket,
      startHelper: options.startHelper,
      isIsolated: this.#isIsolated,
      dialer: this.#isIsolated ? splitDialer(dialer, (ip) => this.#isOfCluster(ip)) : dialer,
      lookup: this.#session,
      realOf: (endpoint, protocol) => this.#realOf(endpoint, protocol),
      dialTimeoutMs: this.#settings.dialTimeoutMs,
      logger: logger.child('laptop'),
      onTrouble: (trouble) => this.#laptopChanged(trouble),
    });
    this.#verification = new LaptopVerification({ laptop: this.#laptop, health: this.#health, signal: this.#stop.signal });
    this.#engagements = new Engagements({
      connection: options.name,
      traffic: this.traffic,
      namespace: this.#namespace,
      owner,
      session: this.#session,
      dialer,
      file: options.engagementsFile,
      handlerFiles: options.handlerFiles,
      activeTimeoutMs: () => this.#settings.interceptTimeoutMs,
      namespacePid: this.#isIsolated ? () => this.#laptop.status()?.helperPid : undefined,
      dialInside: this.#isIsolated ? async (host, port) => await this.#laptop.dialInside(host, port) : undefined,
      logger: logger.child('engagements'),
      health: this.#health,
      onChanged: options.onEngagement,
    });
  }

  get session(): ClusterSession {
    return this.#session;
  }

  get engagements(): Engagements {
    return this.#engagements;
  }

  /** `user@laptop` */
  get owner(): string {
    return this.#owner;
  }

  get namespace(): string {
    return this.#namespace;
  }

  /** What configuration is merged from, besides the file and the flags. */
  settingsSources(): SettingsSources {
    return { extension: this.#target.extension, pushedYaml: this.#session.manager?.clientConfigYaml };
  }

  /** Brings the connection up. On failure everything is as it was before. */
  async connect(signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, this.#stop.signal, AbortSignal.timeout(this.#settings.connectTimeoutMs)]);
    try {
      this.#enterStage('kubeconfig');
      if (this.#paused === undefined) this.#laptop.prepare(deadline);
      const kube = new KubeClient(this.#target.credentials);
      const [serverIps] = await Promise.all([
        resolveServer(this.#target.server),
        this.#session.start(deadline, (stage) => this.#enterStage(stage)),
        this.#checkNamespace(kube, deadline).finally(() => kube.close()),
      ]);
      this.#serverIps = serverIps;
      this.#settings = this.#options.settings(this.settingsSources());
      const facts = this.#facts;
      const wanted = await this.#wantedLaptop();
      if (wanted === undefined)
        throw new AppError({ code: 'internal', message: 'The traffic-manager said nothing about the cluster' });
      if (this.#paused === undefined) {
        this.#enterStage('interface');
        await this.#laptop.makeInterface(wanted, deadline);
        this.#enterStage('dns');
        await this.#laptop.makeDns();
        await this.#useLaptop();
      } else {
        await this.#laptop.pause();
      }
      this.#enterStage(undefined);
      this.#onSince = new Date().toISOString();
      this.#updateState();
      this.#engagements.start();
      this.#agents.start();
      if (this.#facts !== facts) this.#applyFacts();
      const follow = this.#namespaces.follow(
        () => new KubeClient(loadKubeconfig(this.#options.request).credentials),
        this.#options.logger,
        () => this.#applyFacts(),
        this.#stop.signal,
      );
      follow.catch((error: unknown) => this.#options.logger.warn('Namespaces are not followed', { error }));
    } catch (error) {
      const ended = this.#stop.signal.aborted ? this.#stop.signal : signal;
      await this.disconnect();
      throw this.#connectError(error, ended);
    }
  }

  /** Gives the laptop its network back; session and engagements stay. */
  async pause(pause: Pause): Promise<void> {
    this.#paused = pause;
    this.#rerouter.stop();
    await this.#laptop.pause();
    this.#laptopTrouble = undefined;
    this.#verification.forget();
    for (const code of ['route.overlap', 'helper.not-running']) this.#health.clear(code);
    this.#updateState();
  }

  /** @throws AppError where the laptop's side cannot be made: then it stays paused. */
  async resume(signal: AbortSignal): Promise<void> {
    const pause = this.#paused;
    if (pause === undefined) return;
    this.#paused = undefined;
    const deadline = AbortSignal.any([signal, this.#stop.signal, AbortSignal.timeout(this.#settings.connectTimeoutMs)]);
    try {
      this.#enterStage('interface');
      const wanted = await this.#wantedLaptop();
      if (wanted === undefined) throw new AppError({ code: 'connection.lost', message: 'The cluster is not known yet' });
      await this.#laptop.resume(wanted, deadline);
      await this.#useLaptop();
      this.#enterStage(undefined);
      this.#updateState();
    } catch (error) {
      await this.pause(pause);
      throw AppError.from(error);
    }
  }

  async #useLaptop(): Promise<void> {
    this.#enterStage('verify');
    await this.#verification.verify();
    if (this.#settings.dns.recursionCheck) await this.#laptop.detectRecursion();
    this.#stop.signal.throwIfAborted();
    await this.#rerouter.start();
  }

  async disconnect(): Promise<void> {
    this.#stop.abort();
    this.#rerouter.stop();
    await Promise.all([this.#engagements.stop(), this.#agents.stop()]);
    // Each to its end, whatever becomes of the other.
    const ends = await Promise.allSettled([this.#laptop.stop(), this.#session.stop()]);
    for (const end of ends)
      if (end.status === 'rejected') this.#options.logger.warn('A part did not end in order', { error: end.reason });
    this.#state = { kind: 'off' };
    this.#health.clearAll();
    this.#publish();
  }

  snapshot(): ConnectionSnapshot {
    return connectionSnapshot({
      name: this.#options.name,
      isIsolated: this.#isIsolated,
      state: this.#state,
      target: this.#target,
      namespace: this.#namespace,
      namespaces: this.#settings.mappedNamespaces,
      settings: this.#settings,
      stageTimesMs: this.#stageTimesMs,
      sessionId: this.#session.sessionId,
      manager: this.#session.manager,
      facts: this.#facts,
      plan: this.#plan,
      virtual: this.#virtual,
      laptop: this.#laptop.status(),
      transport: this.#transport(),
      dnsError: this.#health.get('dns.verify-failed')?.message,
    });
  }

  /** The configuration file has changed, or, with an error, has a mistake now: what can be applied at once is. */
  reconfigure(mistake?: AppError): void {
    if (mistake !== undefined) {
      this.#health.set(invalidCondition(mistake));
      return;
    }
    this.#health.clear(invalidCode);
    const { settings, waiting } = reconfigured(this.#settings, this.#options.settings(this.settingsSources()));
    const condition = reconnectCondition(waiting);
    if (condition === undefined) this.#health.clear(reconnectCode);
    else this.#health.set(condition);
    this.#settings = settings;
    if (this.#onSince !== '') this.#applyFacts();
  }

  /** The laptop woke up or its network changed. */
  checkNow(): void {
    this.#session.checkNow();
    this.#agents.checkNow();
    this.#laptop.rehookDns();
  }

  #transport() {
    const [manager, agents] = [this.#session.stats(), this.#agents.stats()];
    return { forwards: manager.forwards + agents.forwards, streams: manager.streams + agents.streams, pods: agents.pods };
  }

  /** 0: until it is set again. */
  setHelperLogLevel(level: LogLevel, durationMs: number): void {
    this.#laptop.setHelperLogLevel(level, durationMs);
  }

  /** Addresses of the DNS servers of the laptop's other connections. */
  setDnsPeers(addresses: readonly string[]): void {
    this.#laptop.setDnsPeers(addresses);
  }

  /** Whether a program's look-up arrives. */
  async verifyDns(): Promise<DnsVerification> {
    return await this.#laptop.verify();
  }

  async #checkNamespace(kube: KubeClient, signal: AbortSignal): Promise<void> {
    let isThere = true;
    try {
      isThere = (await kube.find(`/api/v1/namespaces/${encodeURIComponent(this.#namespace)}`, signal)) !== undefined;
    } catch {
      // Who may not read namespaces can still be right about this one; trouble with the cluster is reported by the session.
    }
    if (isThere) return;
    throw new AppError({
      code: 'cluster.namespace-not-found',
      message: `There is no namespace "${this.#namespace}" in the cluster of context "${this.#target.context}"`,
      remedies: [{ label: 'See which there are', command: 'telepresence list-namespaces' }],
    });
  }

  #realOf(endpoint: Endpoint, protocol: Protocol): Endpoint | undefined {
    const { ip, port } = this.#rerouter.redirect(endpoint, protocol);
    const real = this.#virtual === undefined ? ip : this.#virtual.realOf(ip);
    return real === undefined ? undefined : { ip: real, port };
  }

  #isOfCluster(ip: IpAddress): boolean {
    const { routes = [], translated = [] } = this.#plan ?? {};
    return [...routes, ...translated].some((cidr) => containsIp(cidr, ip));
  }

  #clusterChanged(info: ClusterInfo): void {
    this.#facts = clusterFacts(info);
    if (this.#onSince !== '') this.#applyFacts();
  }

  #applyFacts(): void {
    void this.#wantedLaptop().then(
      (wanted) => {
        if (wanted !== undefined) this.#laptop.change(wanted);
        this.#publish();
      },
      (error: unknown) => this.#laptopChanged(AppError.from(error)),
    );
  }

  async #wantedLaptop(): Promise<WantedLaptop | undefined> {
    if (this.#facts === undefined) return undefined;
    const hostRoutes = await readHostRoutes();
    const plan = planLaptop({
      facts: this.#facts,
      settings: this.#settings,
      vnat: this.#options.request.vnat ?? [],
      namespace: this.#namespace,
      namespaces: () => this.#namespaces.names(),
      // In namespaces of the connection's own nothing is in the way, and nothing else leads anywhere.
      serverIps: this.#isIsolated ? [] : this.#serverIps,
      hostRoutes: this.#isIsolated ? [] : hostRoutes,
      defaultRoutes: this.#isIsolated ? defaultRoutes(hostRoutes) : [],
      ownInterface: this.#laptop.status()?.interfaceName,
      virtual: this.#virtual,
    });
    this.#plan = plan.routing;
    this.#virtual = plan.virtual;
    const conflict = conflictCondition(plan.routing);
    if (conflict === undefined || this.#paused !== undefined) this.#health.clear('route.overlap');
    else this.#health.set(conflict);
    return plan.wanted;
  }

  #sessionChanged(state: SessionState): void {
    const wasDown = this.#sessionState.kind === 'down';
    this.#sessionState = state;
    if (state.kind === 'up' && wasDown) this.#laptop.flushDns();
    this.#updateState();
  }

  #laptopChanged(trouble: AppError | undefined): void {
    this.#laptopTrouble = trouble;
    if (trouble === undefined) this.#health.clear('helper.not-running');
    else {
      this.#health.set({
        code: 'helper.not-running',
        severity: 'error',
        title: "The laptop's side of the connection is in trouble",
        message: trouble.message,
        remedies: [...trouble.remedies],
      });
    }
    this.#updateState();
  }

  #updateState(): void {
    if (this.#onSince === '' || this.#stop.signal.aborted) return;
    const session = this.#sessionState;
    if (this.#paused !== undefined) {
      this.#state = { kind: 'paused', ...this.#paused };
    } else if (session.kind === 'down') {
      const { attempt, reason } = session;
      this.#state = { kind: 'reconnecting', since: session.since.toISOString(), attempt, reason: errorDataOf(reason) };
    } else if (this.#laptopTrouble !== undefined) {
      this.#state = { kind: 'degraded', since: new Date().toISOString(), reason: errorDataOf(this.#laptopTrouble) };
    } else {
      this.#state = { kind: 'on', since: this.#onSince };
    }
    this.#publish();
  }

  #enterStage(name: ConnectStage | undefined): void {
    const now = performance.now();
    if (this.#stage !== undefined) this.#stageTimesMs[this.#stage.name] = Math.round(now - this.#stage.since);
    this.#stage = name === undefined ? undefined : { name, since: now };
    if (name === undefined) return;
    this.#state = { kind: 'connecting', stage: name };
    this.#publish();
  }

  #publish(): void {
    this.#options.onChanged(this.snapshot());
  }

  #connectError(error: unknown, signal: AbortSignal): AppError {
    if (signal.aborted) return new AppError({ code: 'cancelled', message: 'The connect was cancelled' });
    const { server } = this.#target;
    if (error instanceof Error && error.name === 'TimeoutError') {
      const stage = this.#state.kind === 'connecting' ? this.#state.stage : 'connect';
      return new AppError({
        code: stage === 'api' || stage === 'kubeconfig' ? 'cluster.unreachable' : 'timeout',
        message: `Connecting to ${server.href} took longer than ${this.#settings.connectTimeoutMs / 1_000} s`,
        reason: `It stopped at the stage "${stage}"`,
        remedies: [{ label: 'Check that the cluster can be reached', command: 'kubectl cluster-info' }],
      });
    }
    return managerError(error, { server: server.href, namespace: this.#settings.managerNamespace });
  }
}
