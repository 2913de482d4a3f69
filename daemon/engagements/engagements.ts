import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import { describeConnection } from '#net/tunnel/stream-info.ts';
import type { DialRequest, InterceptInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Engagement as EngagementSnapshot, InterceptRequest } from '#protocol/local-api/model.ts';
import type { HealthConditions } from '../connection/health-conditions.ts';
import type { TunnelDialer } from '../data-path/tunnel-dialer.ts';
import type { HandlerFiles } from '../handlers/handler-log.ts';
import type { DialWay } from '../link/dial-way.ts';
import type { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { DesiredEngagements } from './desired-engagements.ts';
import { engageError } from './engage-error.ts';
import { Engagement } from './engagement.ts';
import { engagementNotFound } from './engagement-not-found.ts';
import { EngagementReports } from './engagement-reports.ts';
import type { DialInside } from './handler-dial.ts';
import { connectionOf, refuseDial } from './inbound-connections.ts';
import type { InterceptedPort } from './intercepted-port.ts';
import type { LiveSession, SessionSource } from './live-session.ts';

export interface EngagementsOptions {
  /** Name of the connection. */
  readonly connection: string;
  readonly namespace: string;
  readonly owner: string;
  readonly session: SessionSource;
  /** For ports of pods. */
  readonly dialer: TunnelDialer;
  /** Where wanted engagements are kept. */
  readonly file: string;
  readonly activeTimeoutMs: () => number;
  /** Reaches handlers in the connection's own network namespace. */
  readonly dialInside?: DialInside | undefined;
  /** A process in that namespace. */
  readonly namespacePid?: (() => number | undefined) | undefined;
  /** Of handlers that run here. */
  readonly handlerFiles: (engagement: string) => HandlerFiles;
  /** What passes is told to it. */
  readonly traffic: TrafficRecorder;
  readonly logger: Logger;
  readonly health: Pick<HealthConditions, 'set' | 'clear' | 'get'>;
  /** Without a value: the engagement is gone. */
  readonly onChanged: (name: string, engagement: EngagementSnapshot | undefined) => void;
}

/** Between two watches on one link, and between two attempts to make an engagement again. */
const rewatchMs = 500;
const retryMs = 2_000;

/** To take an intercept away where nobody waits for it any more. */
const removeTimeoutMs = 5_000;

/**
 * The engagements of one connection. What is wanted is kept in a file and made again after anything that broke: whenever there is a
 * session, the traffic-manager's list is compared with what is wanted.
 */
export class Engagements {
  readonly #options: EngagementsOptions;
  readonly #desired: DesiredEngagements;
  readonly #reports: EngagementReports;
  readonly #engagements = new Map<string, Engagement>();
  readonly #stop = new AbortController();
  readonly #repairs = new Set<Engagement>();
  #sessionId: LiveSession['session'] | undefined;
  #keeping: Promise<void> | undefined;

  constructor(options: EngagementsOptions) {
    this.#options = options;
    this.#desired = new DesiredEngagements(options.file, options.logger);
    this.#reports = new EngagementReports(options.health, options.onChanged);
  }

  /** Makes again what an earlier daemon, or thread, had. */
  start(): void {
    const { engagements, session } = this.#desired.read();
    for (const request of engagements) {
      const engagement = this.#make(request);
      engagement.restore();
    }
    // Intercepts of that session which nobody wants any more are taken away.
    if (session !== undefined) this.#keep();
  }

  /** Resolves when a request made in the cluster would arrive at the handler. @throws AppError, with nothing left behind. */
  async intercept(
    request: InterceptRequest,
    onStage: (stage: string) => void,
    signal: AbortSignal,
  ): Promise<CallOutput<'intercept'>> {
    const former = this.#engagements.get(request.name);
    if (former !== undefined && !former.isEnded) throw existsError(request.name);
    if (former !== undefined) this.#drop(former);
    const engagement = this.#make(request);
    let live: LiveSession | undefined;
    try {
      live = await this.#options.session.live(AbortSignal.any([signal, engagement.left]));
      this.#keep();
      await engagement.establish(live, onStage, signal);
      const warnings = await engagement.equip(onStage);
      engagement.left.throwIfAborted();
      this.#remember();
      return { engagement: engagement.snapshot(), environment: engagement.environment(), warnings };
    } catch (error) {
      await engagement.close();
      if (live !== undefined) await this.#removeQuietly(engagement, live);
      if (this.#engagements.get(request.name) === engagement) this.#drop(engagement);
      if (signal.aborted)
        throw new AppError({ code: 'cancelled', message: `The intercept "${request.name}" was cancelled` }, error);
      throw engageError(error, request.name);
    }
  }

  /** @throws AppError where there is none of the name. */
  get(name: string): Engagement {
    const engagement = this.#engagements.get(name);
    if (engagement === undefined) throw engagementNotFound(name, [...this.#engagements.keys()]);
    return engagement;
  }

  /** Ends an engagement: in the cluster now, or as soon as there is a way to it. */
  async leave(name: string): Promise<EngagementSnapshot> {
    const engagement = this.get(name);
    const snapshot = engagement.snapshot();
    const isInCluster = !engagement.isEnded;
    this.#drop(engagement);
    this.#remember();
    const closed = engagement.close();
    if (isInCluster) {
      const deadline = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(removeTimeoutMs)]);
      try {
        await engagement.remove(await this.#options.session.live(deadline), deadline);
      } catch (error) {
        // The comparison after the next reconnect takes it away.
        this.#options.logger.warn('An intercept is left on the laptop only', { engagement: name, error });
      }
    }
    // Whoever begins it again finds its port free.
    await closed;
    return snapshot;
  }

  /** A connection from the cluster that waits for a tunnel by the same way. Never rejects. */
  async accept(way: DialWay, request: DialRequest): Promise<void> {
    try {
      const id = connectionOf(request);
      const engagement = [...this.#engagements.values()].find((candidate) => candidate.isFor(id) !== undefined);
      if (engagement !== undefined) await engagement.accept(way, request, id);
      else {
        this.#options.logger.warn('A connection that no engagement waits for', { connection: describeConnection(id) });
        // One from before this daemon began may be for an engagement that is being made again.
        const isAwaited = [...this.#engagements.values()].some(
          ({ isEnded, ports }) => !isEnded && ports.some(({ spec }) => !spec),
        );
        await refuseDial(way, request, id, !isAwaited);
      }
    } catch (error) {
      this.#options.logger.warn('A connection from the cluster was not taken', { error });
    }
  }

  /** Ends what is on the laptop; what is wanted stays in its file. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const closed = [...this.#engagements.values()].map((engagement) => engagement.close());
    this.#engagements.clear();
    this.#reports.stop();
    await Promise.all([this.#keeping, ...closed]);
  }

  #make(request: InterceptRequest): Engagement {
    const { connection, namespace, owner, dialer, traffic, logger, activeTimeoutMs, handlerFiles, dialInside, namespacePid } =
      this.#options;
    const engagement = new Engagement(request, {
      connection,
      namespace,
      owner,
      dialer,
      traffic,
      logger,
      activeTimeoutMs,
      dialInside,
      namespacePid,
      handlerFiles,
      onChanged: (changed) => {
        if (this.#engagements.get(changed.name) === changed) this.#reports.changed(changed.snapshot());
      },
      checkTarget: (asking, port) => this.#checkTarget(asking, port),
    });
    this.#checkPorts(engagement);
    this.#engagements.set(request.name, engagement);
    this.#reports.changed(engagement.snapshot());
    return engagement;
  }

  #drop(engagement: Engagement): void {
    void engagement.close();
    this.#engagements.delete(engagement.name);
    this.#reports.gone(engagement.name);
  }

  #checkPorts(engagement: Engagement): void {
    for (const port of engagement.ports) this.#checkTarget(engagement, port);
  }

  #checkTarget(asking: Engagement, { laptopPort, protocol }: InterceptedPort): void {
    if (laptopPort === undefined || laptopPort === 0) return;
    for (const other of this.#engagements.values()) {
      if (other === asking || other.isEnded || other.hosts[0] !== asking.hosts[0]) continue;
      if (other.ports.some((port) => port.laptopPort === laptopPort && port.protocol === protocol)) {
        throw portInUseError(asking.name, `${asking.hosts[0] ?? ''}:${laptopPort}`, other.name);
      }
    }
  }

  /** Follows the traffic-manager for as long as there are engagements to follow, once there was one. */
  #keep(): void {
    this.#keeping ??= this.#follow().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.logger.error('Engagements are not followed any more', { error });
    });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const live = await this.#options.session.live(signal);
      const end = new AbortController();
      const both = AbortSignal.any([signal, end.signal]);
      this.#sessionId = live.session;
      this.#remember();
      try {
        const watching = Promise.race([live.link.closed, this.#watchDials(live, both), this.#watchIntercepts(live, both)]);
        // A call that has just begun does not always hear that it was given up, and an end waits for this one.
        await untilAborted(watching, signal);
      } finally {
        end.abort();
      }
      if (signal.aborted) return;
      const reason = new AppError({ code: 'connection.lost', message: 'The connection to the traffic-manager broke' });
      for (const engagement of this.#engagements.values()) engagement.wait(reason);
      await pause(rewatchMs, signal);
    }
  }

  async #watchDials(live: LiveSession, signal: AbortSignal): Promise<void> {
    await this.#rewatch('dials', live, signal, async () => {
      const way = managerWay(live);
      for await (const request of live.link.manager.watchDial(live.session, { signal })) void this.accept(way, request);
    });
  }

  async #watchIntercepts(live: LiveSession, signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    await this.#rewatch('intercepts', live, signal, async () => {
      for await (const { intercepts } of live.link.manager.watchIntercepts(live.session, { signal })) {
        this.#compare(live, intercepts, seen, signal);
      }
    });
  }

  async #rewatch(what: string, live: LiveSession, signal: AbortSignal, watch: () => Promise<void>): Promise<void> {
    while (!signal.aborted && live.link.isOpen) {
      try {
        await watch();
      } catch (error) {
        if (signal.aborted || !live.link.isOpen) return;
        this.#options.logger.warn('A watch ended', { what, error });
      }
      await pause(rewatchMs, signal);
    }
  }

  /** `seen`: names that the traffic-manager had listed on this link. */
  #compare(live: LiveSession, intercepts: readonly InterceptInfo[], seen: Set<string>, signal: AbortSignal): void {
    const { sessionId } = live.session;
    const own = intercepts.filter(({ clientSession }) => (clientSession?.sessionId ?? sessionId) === sessionId);
    const infos = new Map(own.map((info) => [info.spec?.name ?? '', info]));
    const wanted = new Set<string>();
    for (const engagement of this.#engagements.values()) {
      // What the traffic-manager still shows of one that it ended is seen to by taking it away.
      if (engagement.isEnded) continue;
      engagement.update(infos);
      if (engagement.isEnded) {
        this.#remember();
        continue;
      }
      for (const { wireName } of engagement.ports) wanted.add(wireName);
      const missing = engagement.ports.filter(({ info }) => info === undefined);
      if (!engagement.isEstablished || missing.length === 0) continue;
      if (missing.some(({ wireName }) => seen.has(wireName))) {
        engagement.end(removedError(engagement.name));
        this.#remember();
      } else void this.#repair(engagement, live, signal);
    }
    for (const name of infos.keys()) {
      seen.add(name);
      if (!wanted.has(name)) void this.#removeOrphan(name, live, signal);
    }
  }

  /** Makes an engagement again, until it is, or the link breaks. */
  async #repair(engagement: Engagement, live: LiveSession, signal: AbortSignal): Promise<void> {
    if (this.#repairs.has(engagement)) return;
    this.#repairs.add(engagement);
    const both = AbortSignal.any([signal, engagement.left]);
    try {
      while (!both.aborted) {
        try {
          await engagement.establish(live, () => undefined, both);
          await engagement.equip();
          this.#options.logger.info('An engagement was made again', { engagement: engagement.name });
          return;
        } catch (error) {
          if (both.aborted) return;
          this.#options.logger.warn('An engagement is not there yet', { engagement: engagement.name, error });
          engagement.wait(AppError.from(error));
        }
        await pause(retryMs, both);
      }
    } finally {
      this.#repairs.delete(engagement);
    }
  }

  async #removeOrphan(name: string, { link, session }: LiveSession, signal: AbortSignal): Promise<void> {
    try {
      await link.manager.removeIntercept({ session, name }, { signal, timeoutMs: removeTimeoutMs });
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.NotFound) return;
      if (!signal.aborted) this.#options.logger.warn('An intercept that nobody wants is still there', { intercept: name, error });
    }
  }

  async #removeQuietly(engagement: Engagement, live: LiveSession): Promise<void> {
    try {
      await engagement.remove(live, AbortSignal.timeout(removeTimeoutMs));
    } catch (error) {
      this.#options.logger.warn('A failed intercept is still in the cluster', { engagement: engagement.name, error });
    }
  }

  #remember(): void {
    if (this.#stop.signal.aborted) return;
    const wanted = [...this.#engagements.values()].filter(({ isEstablished, isEnded }) => isEstablished && !isEnded);
    const { sessionId, clusterId, installId } = this.#sessionId ?? {};
    this.#desired.write({
      ...(sessionId === undefined
        ? {}
        : { session: { sessionId, clusterId: clusterId ?? '', ...(installId === undefined ? {} : { installId }) } }),
      engagements: wanted.map(({ request }) => request),
    });
  }
}

function managerWay({ link, session }: LiveSession): DialWay {
  return {
    isDirect: false,
    sessionId: session.sessionId,
    openTunnel: async (info, signal) => (await link.openTunnel(info, signal)).tunnel,
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function existsError(name: string): AppError {
  return new AppError({
    code: 'engagement.exists',
    message: `There is an intercept "${name}" already`,
    remedies: [
      { label: 'End it first', command: `telepresence leave ${name}` },
      { label: 'Or give this one another name', command: 'telepresence intercept NAME --workload WORKLOAD' },
    ],
  });
}

function portInUseError(name: string, place: string, other: string): AppError {
  return new AppError({
    code: 'engagement.laptop-port-in-use',
    message: `"${name}" cannot use ${place} of the laptop: the intercept "${other}" does`,
    context: { other },
    remedies: [
      { label: 'Choose another port', command: '--port' },
      { label: 'Or end the other intercept', command: `telepresence leave ${other}` },
    ],
  });
}

function removedError(name: string): AppError {
  return new AppError({
    code: 'engagement.removed',
    message: `The intercept "${name}" was ended in the cluster`,
    reason: 'Somebody revoked it, or took it over while it was idle',
    remedies: [{ label: 'Begin it again', command: `telepresence intercept ${name}` }],
  });
}
