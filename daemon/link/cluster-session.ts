import { type Deferred, deferred } from '#base/common/deferred.ts';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { dialledTunnel } from '#net/tunnel/dialled-tunnel.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, type TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { desktopProduct, formerSessionHeader } from '#protocol/cluster/desktop-wire.ts';
import type { ClusterInfo, SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { TunnelDialer, TunnelOptions } from '../data-path/tunnel-dialer.ts';
import { Link } from './link.ts';
import { isSessionUnknown, managerError } from './manager-error.ts';
import type { CarriedTunnel } from './session-pool.ts';

export interface ClusterSessionOptions {
  /** Credentials as they are now: read again for each attempt, since files and tokens change. */
  readonly openCluster: () => KubeClient;
  readonly managerNamespace: string;
  readonly identity: { readonly name: string; readonly namespace: string; readonly installId: string; readonly version: string };
  readonly logger: Logger;
  /** A session that may still be known, to be resumed. */
  readonly formerSession?: SessionInfo;
  readonly onClusterInfo: (info: ClusterInfo) => void;
  readonly onStateChanged: (state: SessionState) => void;
  /** Default: `sessionTiming`. */
  readonly timing?: Partial<SessionTiming>;
}

export type SessionState =
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly attempt: number; readonly since: Date; readonly reason: AppError };

/** The parts of the first connect, in order. */
export type SessionStage = 'api' | 'manager' | 'session' | 'subnets';

export interface ManagerIdentity {
  readonly name: string;
  readonly version: string;
  readonly agentImage: string;
  readonly clientConfigYaml: string;
}

interface Live {
  readonly link: Link;
  readonly session: SessionInfo;
}

export interface SessionTiming {
  /** Silence of a link is noticed after both together, at most. */
  readonly busyProbe: ProbePace;
  readonly idleProbe: ProbePace;
  readonly callTimeoutMs: number;
  /** Doubled with every attempt. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** A link that broke sooner than this counts as another attempt. */
  readonly stableMs: number;
}

interface ProbePace {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** A busy link is asked more often, since a program waits for it. */
export const sessionTiming: SessionTiming = {
  busyProbe: { everyMs: 2_000, timeoutMs: 2_500 },
  idleProbe: { everyMs: 5_000, timeoutMs: 5_000 },
  callTimeoutMs: 15_000,
  firstRetryMs: 100,
  maxRetryMs: 3_000,
  stableMs: 10_000,
};

/** Why a pause ended before its time: somebody wants to know now, or the link was idle and is no more. */
type WakeReason = 'asked' | 'traffic';

/** A tick that comes this much later than planned means that the laptop slept. */
const sleepSlackMs = 3_000;

/** Between two watches of the cluster. */
const rewatchMs = 1_000;

/**
 * The session with the traffic-manager, kept up until it is stopped: a link that breaks or falls silent is replaced, and the session
 * resumed where the traffic-manager still knows it.
 */
export class ClusterSession implements TunnelDialer {
  readonly #options: ClusterSessionOptions;
  readonly #stop = new AbortController();
  #live: Live | undefined;
  #waiting: Deferred<Live> = deferred();
  #session: SessionInfo | undefined;
  #manager: ManagerIdentity | undefined;
  #running: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #hasInfo = false;
  /** End the pauses that are under way, and whether a first tunnel is a reason. */
  readonly #sleepers = new Map<(reason: WakeReason) => void, { readonly heedsTraffic: boolean }>();
  readonly #timing: SessionTiming;

  constructor(options: ClusterSessionOptions) {
    this.#options = options;
    this.#timing = { ...sessionTiming, ...options.timing };
    this.#session = options.formerSession;
  }

  /**
   * Opens the session and waits for the first cluster info; keeps it up from then on.
   *
   * @throws AppError what is in the way, by stage; the signal's reason where that aborts.
   */
  async start(signal: AbortSignal, onStage: (stage: SessionStage) => void): Promise<void> {
    onStage('api');
    const kube = this.#options.openCluster();
    const { managerNamespace: namespace, logger } = this.#options;
    const both = AbortSignal.any([signal, this.#stop.signal]);
    let link: Link | undefined;
    try {
      link = await Link.open(kube, namespace, logger, both, () => onStage('manager'));
      onStage('session');
      const live = await this.#enter(link, both);
      onStage('subnets');
      const first = deferred<void>();
      this.#running = this.#keep(live, () => first.resolve());
      this.#running.catch((error: unknown) => first.reject(error));
      await untilAborted(first.promise, both);
    } catch (error) {
      const isStopped = this.#stop.signal.aborted;
      await this.stop();
      link?.destroy();
      if (signal.aborted) throw signal.reason;
      if (isStopped) throw ended();
      throw managerError(error, { server: kube.credentials.server.href, namespace });
    }
  }

  get sessionId(): string | undefined {
    return this.#session?.sessionId;
  }

  /** There is a way to the traffic-manager at the moment. */
  get isUp(): boolean {
    return this.#live !== undefined;
  }

  get manager(): ManagerIdentity | undefined {
    return this.#manager;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    return this.#live?.link.stats() ?? { forwards: 0, streams: 0 };
  }

  /** The live link and session, as soon as there is one. */
  async live(signal: AbortSignal): Promise<Live> {
    if (this.#stop.signal.aborted) throw ended();
    return this.#live ?? (await untilAborted(this.#waiting.promise, signal));
  }

  async dial(id: ConnectionId, signal: AbortSignal, options: TunnelOptions = {}): Promise<TunnelDuplex> {
    for (;;) {
      const { link, session } = await this.live(signal);
      const wasIdle = link.stats().streams === 0;
      let carrier: CarriedTunnel['carrier'] | undefined;
      try {
        const info = { connectionId: id, sessionId: session.sessionId, dialTimeoutMs: 5_000, roundtripMs: 0 };
        const opened = await link.openTunnel(info, signal, options);
        carrier = opened.carrier;
        if (wasIdle) this.#wake('traffic');
        return options.isOptimistic === true ? opened.tunnel : await dialledTunnel(opened.tunnel, signal);
      } catch (error) {
        // Nothing of the program's was sent yet: where the way broke and not the dial, another one is tried.
        const isWayOpen = link.isOpen && (carrier?.isOpen ?? true);
        if (error instanceof DialRejectedError || signal.aborted || isWayOpen) throw error;
        if (!link.isOpen) await untilAborted(link.closed, signal);
      }
    }
  }

  async lookup(name: string, type: number, signal: AbortSignal): Promise<{ readonly rcode: number; readonly rrs: Buffer }> {
    const { link, session } = await this.live(signal);
    const { rCode, rrs } = await link.lookupDns({ session, name, type }, signal);
    return { rcode: rCode, rrs: Buffer.from(rrs.buffer, rrs.byteOffset, rrs.length) };
  }

  /** The laptop woke up or its network changed: look now instead of at the next tick. */
  checkNow(): void {
    this.#wake('asked');
  }

  /** Ends the session in the cluster, where that can still be said, and every tunnel. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    const live = this.#live;
    this.#stop.abort();
    this.#waiting.reject(ended());
    if (live !== undefined) {
      await live.link.manager.depart(live.session, { timeoutMs: 500 }).catch(() => undefined);
      live.link.destroy();
      this.#live = undefined;
    }
    await this.#running?.catch(() => undefined);
  }

  /** Arrives, or resumes the session of the link before. Version, session and configuration are asked in one flight. */
  async #enter(link: Link, signal: AbortSignal): Promise<Live> {
    try {
      const options = { signal, timeoutMs: this.#timing.callTimeoutMs };
      const [version, session, config, agent] = await Promise.all([
        link.manager.version({}, options),
        this.#arrive(link, options),
        link.manager.getClientConfig({}, options).catch(() => undefined),
        link.manager.getAgentImageFQN({}, options).catch(() => undefined),
      ]);
      this.#session = session;
      this.#manager = {
        name: version.name,
        version: version.version,
        agentImage: agent?.fQN ?? '',
        clientConfigYaml: new TextDecoder().decode(config?.configYaml ?? new Uint8Array()),
      };
      return { link, session };
    } catch (error) {
      link.destroy();
      throw error;
    }
  }

  async #arrive(link: Link, options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<SessionInfo> {
    const known = this.#session;
    if (known !== undefined) {
      try {
        await link.manager.remain({ session: known }, options);
        return known;
      } catch (error) {
        if (!isSessionUnknown(error)) throw error;
      }
    }
    const { name, namespace, installId, version } = this.#options.identity;
    // A traffic-manager of ours that has forgotten the session makes it anew under the id that agents and laptops know it by.
    const headers = known === undefined ? {} : { [formerSessionHeader]: known.sessionId };
    return await link.manager.arriveAsClient(
      { name, namespace, installId, version, product: desktopProduct },
      { ...options, headers },
    );
  }

  /** Runs the live link until it breaks, then makes the next, until it is told to stop. */
  async #keep(first: Live, onFirstInfo: () => void): Promise<void> {
    const { firstRetryMs, maxRetryMs, stableMs } = this.#timing;
    let live: Live | undefined = first;
    let since = new Date();
    let attempt = 0;
    while (!this.#stop.signal.aborted) {
      try {
        live ??= await this.#reopen();
        const upAt = performance.now();
        await this.#run(live, onFirstInfo).finally(() => {
          if (performance.now() - upAt > stableMs) attempt = 0;
        });
        throw new AppError({ code: 'connection.lost', message: 'The connection to the traffic-manager broke' });
      } catch (error) {
        live = undefined;
        if (this.#stop.signal.aborted) return;
        if (!this.#hasInfo) throw error;
        if (attempt === 0) since = new Date();
        attempt += 1;
        const place = { server: 'the API server', namespace: this.#options.managerNamespace };
        this.#options.onStateChanged({ kind: 'down', attempt, since, reason: managerError(error, place) });
        await this.#pause(Math.min(firstRetryMs * 2 ** (attempt - 1), maxRetryMs), this.#stop.signal);
      }
    }
  }

  async #reopen(): Promise<Live> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#timing.callTimeoutMs)]);
    const link = await Link.open(this.#options.openCluster(), this.#options.managerNamespace, this.#options.logger, signal);
    return await this.#enter(link, signal);
  }

  async #run(live: Live, onFirstInfo: () => void): Promise<void> {
    this.#live = live;
    this.#waiting.resolve(live);
    this.#options.onStateChanged({ kind: 'up' });
    const end = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, end.signal]);
    try {
      await Promise.race([
        live.link.closed,
        this.#watchClusterInfo(live, signal, onFirstInfo),
        this.#heartbeat(live, signal),
        this.#keepSession(live, signal),
      ]);
    } finally {
      end.abort();
      // Otherwise there is still a session to depart from, by this link.
      if (this.#hasInfo && !this.#stop.signal.aborted) {
        this.#live = undefined;
        this.#waiting = deferred();
        live.link.destroy();
      }
    }
  }

  async #watchClusterInfo(live: Live, signal: AbortSignal, onFirstInfo: () => void): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const info of live.link.manager.watchClusterInfo(live.session, { signal })) {
          this.#options.onClusterInfo(info);
          this.#hasInfo = true;
          onFirstInfo();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isSessionUnknown(error) || !live.link.isOpen || !this.#hasInfo) throw error;
        this.#options.logger.warn('The watch of the cluster ended', { error });
      }
      await this.#pause(rewatchMs, signal);
    }
  }

  /** Returns when the link fell silent: after it was idle, the first tunnel has it asked at once. */
  async #heartbeat(live: Live, signal: AbortSignal): Promise<void> {
    const { busyProbe, idleProbe } = this.#timing;
    let askedAt = Date.now();
    while (!signal.aborted && live.link.isOpen) {
      const pace = live.link.stats().streams > 0 ? busyProbe : idleProbe;
      const due = askedAt + pace.everyMs;
      const woken = await this.#pause(due - Date.now(), signal, { heedsTraffic: true });
      if (signal.aborted) return;
      const hasSlept = Date.now() > due + sleepSlackMs;
      // Right after an answer, a first tunnel is no reason to ask again, but to do so sooner.
      if (woken === 'traffic' && !hasSlept && Date.now() < askedAt + busyProbe.everyMs) continue;
      askedAt = Date.now();
      await live.link.probe(woken !== undefined || hasSlept ? busyProbe.timeoutMs : pace.timeoutMs);
    }
  }

  /** Keeps the session; only its being unknown is a failure, for silence is the heartbeat's to judge. */
  async #keepSession(live: Live, signal: AbortSignal): Promise<void> {
    const { idleProbe, callTimeoutMs: timeoutMs } = this.#timing;
    while (!signal.aborted) {
      await this.#pause(idleProbe.everyMs, signal);
      try {
        await live.link.manager.remain({ session: live.session }, { timeoutMs, signal });
      } catch (error) {
        if (isSessionUnknown(error)) throw error;
      }
    }
  }

  #wake(reason: WakeReason): void {
    for (const [wake, { heedsTraffic }] of this.#sleepers) if (reason === 'asked' || heedsTraffic) wake(reason);
  }

  /** @returns why it ended before its time; `undefined` where it did not, or was aborted. */
  async #pause(ms: number, signal: AbortSignal, { heedsTraffic } = { heedsTraffic: false }): Promise<WakeReason | undefined> {
    if (signal.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<WakeReason | undefined>();
    const end = () => resolve(undefined);
    const timer = setTimeout(end, Math.max(0, ms));
    this.#sleepers.set(resolve, { heedsTraffic });
    signal.addEventListener('abort', end, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#sleepers.delete(resolve);
      signal.removeEventListener('abort', end);
    }
  }
}

function ended(): AppError {
  return new AppError({ code: 'connection.lost', message: 'The connection was ended' });
}
