import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { parseIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import { decodeError, warningTrailer } from '#protocol/cluster/error-trailer.ts';
import type { DialRequest, InterceptInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { Engagement as EngagementSnapshot, EngagementState, InterceptRequest } from '#protocol/local-api/model.ts';
import type { TunnelDialer } from '../data-path/tunnel-dialer.ts';
import type { HandlerFiles } from '../handlers/handler-log.ts';
import { HandlerProcess } from '../handlers/handler-process.ts';
import type { DialWay } from '../link/dial-way.ts';
import type { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { dispositionError, engageError, preparedError } from './engage-error.ts';
import { EnvironmentFiles } from './environment-files.ts';
import { type DialInside, type HandlerAddress, handlerHosts, isListening } from './handler-dial.ts';
import { InboundConnections } from './inbound-connections.ts';
import { type InterceptedPort, portsOf } from './intercepted-port.ts';
import type { LiveSession } from './live-session.ts';
import { PodPorts } from './pod-ports.ts';

export interface EngagementPlace {
  readonly connection: string;
  readonly namespace: string;
  /** `user@laptop`. */
  readonly owner: string;
  readonly dialer: TunnelDialer;
  readonly traffic: TrafficRecorder;
  readonly logger: Logger;
  /** Of a handler that runs here. */
  readonly handlerFiles: (engagement: string) => HandlerFiles;
  /** How long an agent may take to answer, once it is in the pods. */
  readonly activeTimeoutMs: () => number;
  readonly dialInside: DialInside | undefined;
  readonly namespacePid: (() => number | undefined) | undefined;
  readonly onChanged: (engagement: Engagement) => void;
  /** @throws AppError where another engagement has the place on the laptop. */
  readonly checkTarget: (engagement: Engagement, port: InterceptedPort) => void;
}

/** Pods are replaced meanwhile, and an image may have to be pulled. */
const prepareTimeoutMs = 180_000;
const callTimeoutMs = 15_000;

/** While nothing listens: soon enough to be of use, and a refused dial of one's own laptop costs nothing. */
const handlerCheckMs = 2_000;

/** For a handler that was just started; one that takes longer is waited for by nobody, and missed. */
const handlerStartMs = 10_000;
const handlerStartCheckMs = 100;

/** One engagement from its first call until it is left: the intercepts in the cluster, the handler, files and ports on the laptop. */
export class Engagement {
  readonly request: InterceptRequest;
  readonly ports: readonly InterceptedPort[];
  readonly #place: EngagementPlace;
  readonly #files = new EnvironmentFiles();
  readonly #inbound: InboundConnections;
  readonly #podPorts: PodPorts;
  readonly #process: HandlerProcess | undefined;
  readonly #stop = new AbortController();
  #state: EngagementState = { kind: 'preparing', stage: 'Waiting for the connection' };
  #handler: EngagementSnapshot['handler'] = 'unknown';
  #container = '';
  #active: Deferred<void> = deferred();
  /** Of the traffic-manager, for whoever asked. */
  readonly #warnings: string[] = [];
  #isEstablished = false;
  #isEquipped = false;
  #isChecking = false;
  /** It was just started, here or by whoever asked, and is not missed yet. */
  #isHandlerStarting = false;
  #closed: Promise<void> | undefined;

  /** @throws AppError `usage` where ports are named twice. */
  constructor(request: InterceptRequest, place: EngagementPlace) {
    this.request = request;
    this.ports = portsOf(request);
    this.#place = place;
    this.#inbound = new InboundConnections({
      name: request.name,
      recorder: place.traffic,
      logger: place.logger,
      onChanged: () => this.#changed(),
      onHandler: (isUp) => this.#handlerSeen(isUp),
    });
    this.#podPorts = new PodPorts({
      dialer: place.dialer,
      podIp: () => this.#activeInfo()?.podIp,
      logger: place.logger,
    });
    if (request.handler !== undefined) {
      this.#process = new HandlerProcess({
        request: request.handler,
        files: place.handlerFiles(request.name),
        namespacePid: place.namespacePid,
        logger: place.logger.child('handler', { engagement: request.name }),
        onChanged: () => this.#processChanged(),
      });
    }
  }

  get name(): string {
    return this.request.name;
  }

  /** Was active once: from then on it is made again whenever the traffic-manager has lost it. */
  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  get isEnded(): boolean {
    return this.#state.kind === 'ended';
  }

  /** It was active before this daemon began: it is made again, as often as it takes. */
  restore(): void {
    this.#isEstablished = true;
    this.wait(new AppError({ code: 'connection.lost', message: 'Telepresence was started again' }));
  }

  /** Aborts when it is left. */
  get left(): AbortSignal {
    return this.#stop.signal;
  }

  get hosts(): readonly string[] {
    return handlerHosts(this.request.address);
  }

  /**
   * Creates the intercepts that the traffic-manager does not have, and resolves when all are served.
   *
   * @throws AppError what is in the way.
   */
  async establish(live: LiveSession, onStage: (stage: string) => void, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#stop.signal]);
    const stage = (text: string) => {
      if (!this.#isEstablished) this.#enter({ kind: 'preparing', stage: text });
      onStage(text);
    };
    this.#active = deferred();
    try {
      for (const port of this.ports) if (port.info === undefined) await this.#create(port, live, stage, both);
      stage('Waiting for the traffic-agent');
      this.refresh();
      await this.#untilActive(both);
    } catch (error) {
      if (this.#stop.signal.aborted) throw new AppError({ code: 'cancelled', message: `"${this.name}" was left` }, error);
      throw engageError(error, this.name);
    }
  }

  /** Files and ports on the laptop, once. @returns warnings. @throws AppError where they cannot be had. */
  async equip(onStage: (stage: string) => void = () => undefined): Promise<string[]> {
    if (this.#isEquipped) return [];
    this.#isEquipped = true;
    const warnings = [...this.#warnings.splice(0), ...this.#files.write(this.request, this.environment())];
    await this.#podPorts.start(this.request.toPod);
    if (this.#process !== undefined) {
      onStage('Starting the handler');
      await this.#process.start(this.environment());
      await this.#awaitHandler();
    } else if (this.request.handlerFollows === true) void this.#awaitHandler();
    else await this.#checkHandler();
    return warnings;
  }

  /** The intercepts as the traffic-manager has them now; those that it lacks are lost. */
  update(infos: ReadonlyMap<string, InterceptInfo>): void {
    for (const port of this.ports) {
      const info = infos.get(port.wireName);
      if (info !== undefined && port.spec !== undefined) port.take(info);
      else if (this.#isEstablished) port.lose();
    }
    this.refresh();
  }

  /** Draws the conclusion from what is known of the ports. */
  refresh(): void {
    const errors = this.ports.flatMap(({ info }) => (info === undefined ? [] : (dispositionError(info) ?? [])));
    const [error] = errors;
    if (this.ports.every(({ isActive }) => isActive)) {
      this.#active.resolve();
      this.#becomeActive();
    } else if (error !== undefined) {
      this.#active.reject(error);
      // Revoked, or displaced: to make it again would be against whoever did that.
      if (error.code === 'engagement.removed' && this.#isEstablished) this.end(error);
      else this.wait(error);
    } else {
      this.wait(
        new AppError({
          code: 'engagement.failed',
          message: `No traffic-agent serves "${this.name}" at the moment`,
          reason: 'Its pod is gone or not ready yet',
        }),
      );
    }
  }

  /** It is not served at the moment, and will be again. Of no effect before it was active. */
  wait(reason: AppError): void {
    if (!this.#isEstablished || this.isEnded) return;
    const since = this.#state.kind === 'waiting' ? this.#state.since : now();
    this.#enter({ kind: 'waiting', since, reason: dataOf(reason) });
  }

  /** The cluster took it away; it stays to be seen. */
  end(reason: AppError): void {
    this.#enter({ kind: 'ended', since: now(), reason: dataOf(reason) });
    void this.close();
  }

  isFor({ destination, protocol }: ConnectionId): InterceptedPort | undefined {
    return this.ports.find((port) => port.isTarget(destination, protocol));
  }

  async accept(way: DialWay, request: DialRequest, id: ConnectionId): Promise<void> {
    await this.#inbound.accept(way, request, id, this.#handlerAddress(id.destination.port));
  }

  /** Takes the intercepts away from the traffic-manager. @throws where it does not answer. */
  async remove({ link, session }: LiveSession, signal: AbortSignal): Promise<void> {
    const known = this.ports.filter(({ spec }) => spec !== undefined);
    await Promise.all(
      known.map(async ({ wireName: name }) => {
        try {
          await link.manager.removeIntercept({ session, name }, { signal, timeoutMs: callTimeoutMs });
        } catch (error) {
          if (!(error instanceof ConnectError && error.code === Code.NotFound)) throw error;
        }
      }),
    );
  }

  /** The handler that runs here. @throws AppError where there is none. */
  process(): HandlerProcess {
    if (this.#process !== undefined) return this.#process;
    throw new AppError({
      code: 'not-found',
      message: `"${this.name}" has no handler that Telepresence runs`,
      reason: 'It was begun without a command, or with one that runs in a terminal',
    });
  }

  /** Ends what is on the laptop. Idempotent; resolves when the handler has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  environment(): Record<string, string> {
    const info = this.#activeInfo();
    return {
      ...info?.environment,
      TELEPRESENCE_CONTAINER: this.#container,
      TELEPRESENCE_INTERCEPT_ID: info?.id ?? '',
      TELEPRESENCE_ROOT: '',
    };
  }

  snapshot(): EngagementSnapshot {
    const info = this.#activeInfo();
    const spec = this.ports[0]?.spec;
    const process = this.#process?.snapshot();
    const { request } = this;
    return {
      name: this.name,
      connection: this.#place.connection,
      mode: 'intercept',
      workload: request.workload ?? request.name,
      workloadKind: spec?.workloadKind ?? '',
      namespace: spec?.namespace ?? request.namespace ?? this.#place.namespace,
      ...(this.#container === '' ? {} : { container: this.#container }),
      ...(info === undefined ? {} : { id: info.id }),
      owner: this.#place.owner,
      laptopAddress: this.hosts[0] ?? '',
      ports: this.ports.flatMap((port) => port.snapshot()),
      ...(info === undefined || info.podName === '' ? {} : { podName: info.podName }),
      ...(info === undefined || info.podIp === '' ? {} : { podIp: info.podIp }),
      toPod: [...request.toPod],
      state: this.#state,
      handler: this.#handler,
      ...(process === undefined ? {} : { process }),
      traffic: this.#inbound.traffic,
    };
  }

  async #create(port: InterceptedPort, live: LiveSession, stage: (text: string) => void, signal: AbortSignal): Promise<void> {
    const { link, session } = live;
    const { namespace, owner, checkTarget } = this.#place;
    stage(`Making sure that ${this.request.workload ?? this.name} has a traffic-agent`);
    const draft = port.draft(this.request, { namespace, owner, targetHost: await targetHost(this.hosts[0] ?? '') });
    let trailers = new Headers();
    const prepared = await link.manager.prepareIntercept(
      { session, interceptSpec: draft },
      { signal, timeoutMs: prepareTimeoutMs, onTrailer: (received) => (trailers = received) },
    );
    const refusal = preparedError(prepared, trailers, this.name);
    if (refusal !== undefined) throw refusal;
    const warning = decodeError(trailers.get(warningTrailer));
    if (warning !== undefined) this.#warnings.push([warning.message, warning.reason ?? ''].filter(Boolean).join(': '));
    checkContainer(this.request, prepared.containerName);
    const spec = port.prepare(draft, prepared);
    if (this.#container === '') this.#container = prepared.containerName;
    checkTarget(this, port);
    stage('Creating the intercept');
    try {
      const created = await link.manager.createIntercept({ session, interceptSpec: spec }, { signal, timeoutMs: callTimeoutMs });
      // The watch may have been faster, and knows more.
      if (port.info === undefined) port.take(created);
    } catch (error) {
      const own = await this.#findOwn(port, live, error, signal);
      if (own === undefined) throw error;
      port.take(own);
    }
  }

  /** One of our own from before, where that is what is in the way. */
  async #findOwn(
    { wireName: name }: InterceptedPort,
    { link, session }: LiveSession,
    error: unknown,
    signal: AbortSignal,
  ): Promise<InterceptInfo | undefined> {
    if (!(error instanceof ConnectError && error.code === Code.AlreadyExists)) return undefined;
    try {
      const found = await link.manager.getIntercept({ session, name }, { signal, timeoutMs: callTimeoutMs });
      return found.clientSession?.sessionId === session.sessionId ? found : undefined;
    } catch {
      // What was in the way is of more use to the person.
      return undefined;
    }
  }

  async #untilActive(signal: AbortSignal): Promise<void> {
    const timeoutMs = this.#place.activeTimeoutMs();
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      await untilAborted(this.#active.promise, AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (!deadline.aborted || signal.aborted || error instanceof AppError) throw error;
      const workload = this.request.workload ?? this.name;
      throw new AppError(
        {
          code: 'timeout',
          message: `No traffic-agent of ${workload} took the intercept within ${timeoutMs / 1_000} s`,
          remedies: [
            { label: 'Look at the pods of the workload', command: `kubectl get pods --namespace ${this.#place.namespace}` },
            { label: 'Or allow more time, with timeouts.intercept in the configuration' },
          ],
        },
        error,
      );
    }
  }

  #becomeActive(): void {
    const wasActive = this.#state.kind === 'active';
    this.#isEstablished = true;
    if (!wasActive) this.#enter({ kind: 'active', since: now() });
    else this.#changed();
    if (this.#stop.signal.aborted) return;
    try {
      // Another pod may have another environment.
      if (this.#files.isInUse) this.#files.write(this.request, this.environment());
    } catch (error) {
      this.#place.logger.warn('An environment file is not up to date', { engagement: this.name, error });
    }
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    this.#inbound.destroy();
    this.#podPorts.stop();
    this.#files.remove();
    try {
      await this.#process?.end();
    } catch (error) {
      this.#place.logger.warn('A handler did not end in order', { engagement: this.name, error });
    }
  }

  async #checkHandler(): Promise<void> {
    const isUp = await this.#isHandlerListening();
    if (isUp !== undefined && !this.#stop.signal.aborted) this.#handlerSeen(isUp);
  }

  #handlerAddress(port: number): HandlerAddress {
    return { hosts: this.hosts, port, dialInside: this.#place.dialInside };
  }

  /** UDP does not tell whether somebody listens. */
  async #isHandlerListening(): Promise<boolean | undefined> {
    const ports = this.ports.flatMap(({ protocol, laptopPort = 0 }) => (protocol === 'TCP' ? [laptopPort] : []));
    if (ports.length === 0) return undefined;
    const found = await Promise.all(
      ports.map((port) => isListening(this.#handlerAddress(port), AbortSignal.timeout(handlerCheckMs))),
    );
    return found.every(Boolean);
  }

  /** Until it listens, or has ended, or could have. */
  async #awaitHandler(): Promise<void> {
    if (this.#isHandlerStarting) return;
    this.#isHandlerStarting = true;
    this.#handler = 'unknown';
    this.#changed();
    const { signal } = this.#stop;
    const end = performance.now() + handlerStartMs;
    while (!signal.aborted && this.#process?.isRunning !== false && performance.now() < end) {
      if ((await this.#isHandlerListening()) !== false) break;
      await sleep(handlerStartCheckMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
    this.#isHandlerStarting = false;
    await this.#checkHandler();
  }

  #processChanged(): void {
    const isRunning = this.#process?.isRunning === true;
    const isJudged = this.#isEquipped && this.#handler !== 'unknown';
    // One that has just started is told of together with what is known of it by then: nothing.
    if (isJudged && isRunning && !this.#isHandlerStarting) void this.#awaitHandler();
    else this.#changed();
    if (isJudged && !isRunning) void this.#checkHandler();
  }

  #handlerSeen(isUp: boolean): void {
    if (!isUp && this.#isHandlerStarting) return;
    const handler = isUp ? 'listening' : 'not-listening';
    if (handler === this.#handler) return;
    this.#handler = handler;
    this.#changed();
    if (!isUp && !this.#isChecking) void this.#followMissingHandler();
  }

  /** Until all of it listens. */
  async #followMissingHandler(): Promise<void> {
    this.#isChecking = true;
    const { signal } = this.#stop;
    while (!signal.aborted && this.#handler === 'not-listening') {
      await sleep(handlerCheckMs, undefined, { signal, ref: false }).catch(() => undefined);
      await this.#checkHandler();
    }
    this.#isChecking = false;
  }

  #activeInfo(): InterceptInfo | undefined {
    return this.ports[0]?.info;
  }

  #enter(state: EngagementState): void {
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    this.#place.onChanged(this);
  }
}

/** The wire has no word for the container: it is that of the port. */
function checkContainer({ name, container }: InterceptRequest, found: string): void {
  if (container === undefined || found === '' || container === found) return;
  throw new AppError({
    code: 'usage',
    message: `The port of "${name}" belongs to the container ${found}, not to ${container}`,
    remedies: [{ label: `Name a port of ${container}`, command: '--port 8080:PORT' }],
  });
}

/** Connection ids hold addresses; the name itself is resolved with each dial. */
async function targetHost(host: string): Promise<string> {
  if (parseIp(host) !== undefined) return host;
  try {
    return (await lookup(host)).address;
  } catch {
    // Perhaps a name that is there later.
    return '127.0.0.1';
  }
}

function now(): string {
  return new Date().toISOString();
}

function dataOf(error: AppError): Extract<EngagementState, { kind: 'waiting' }>['reason'] {
  const { context, remedies, ...data }: ErrorData = error.toData();
  return {
    ...data,
    ...(context === undefined ? {} : { context: { ...context } }),
    ...(remedies === undefined ? {} : { remedies: [...remedies] }),
  };
}
