import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base/common/log.ts';
import { deferred, type Deferred } from '#base/common/deferred.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { ClusterInfo, SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { TunnelDialer } from '../data-path/tunnel-dialer.ts';
import { Link } from './link.ts';
import { isSessionUnknown, managerError } from './manager-error.ts';

export interface ClusterSessionOptions {
  /** Credentials as they are now: read again for each attempt, since files and tokens change. */
  readonly openCluster: () => KubeClient;
  readonly managerNamespace: string;
  readonly identity: { readonly name: string; readonly namespace: string; readonly installId: string; readonly version: string };
  readonly logger: Logger;
  readonly onClusterInfo: (info: ClusterInfo) => void;
  readonly onStateChanged: (state: SessionState) => void;
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

/** A busy link is asked more often, since a program waits for it: silence is noticed within 2 + 2.5 s, on an idle one within 5 + 5 s. */
const busyProbe = { everyMs: 2_000, timeoutMs: 2_500 };
const idleProbe = { everyMs: 5_000, timeoutMs: 5_000 };

/** A tick that comes this much later than planned means that the laptop slept. */
const sleepSlackMs = 3_000;

const callTimeoutMs = 15_000;
const firstRetryMs = 100;
const maxRetryMs = 3_000;

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
  #wakeUp: Deferred<void> = deferred();

  constructor(options: ClusterSessionOptions) {
    this.#options = options;
  }

  /**
   * Opens the session and waits for the first cluster info; keeps it up from then on.
   *
   * @throws AppError what is in the way, by stage.
   */
  async start(signal: AbortSignal, onStage: (stage: SessionStage) => void): Promise<void> {
    onStage('api');
    const kube = this.#options.openCluster();
    try {
      const link = await Link.open(kube, this.#options.managerNamespace, this.#options.logger, signal);
      onStage('manager');
      const live = await this.#enter(link, signal);
      onStage('subnets');
      const first = deferred<void>();
      this.#running = this.#keep(live, () => first.resolve());
      this.#running.catch((error: unknown) => first.reject(error));
      await Promise.race([first.promise, rejectOnAbort(signal)]);
    } catch (error) {
      await this.stop();
      throw managerError(error, { server: kube.credentials.server.href, namespace: this.#options.managerNamespace });
    }
  }

  get sessionId(): string | undefined {
    return this.#session?.sessionId;
  }

  get manager(): ManagerIdentity | undefined {
    return this.#manager;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    return this.#live?.link.stats() ?? { forwards: 0, streams: 0 };
  }

  /** The live link and session, as soon as there is one. */
  async live(signal: AbortSignal): Promise<Live> {
    if (this.#live !== undefined) return this.#live;
    return await Promise.race([this.#waiting.promise, rejectOnAbort(signal)]);
  }

  async dial(id: ConnectionId, signal: AbortSignal): Promise<TunnelDuplex> {
    const { link, session } = this.#live ?? (await this.live(signal));
    await link.makeRoom();
    const tunnel = link.openTunnel({ connectionId: id, sessionId: session.sessionId, dialTimeoutMs: 5_000, roundtripMs: 0 });
    tunnel.on('error', () => undefined);
    const abort = () => tunnel.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await tunnel.dialled;
      return tunnel;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async lookup(name: string, type: number, signal: AbortSignal): Promise<{ readonly rcode: number; readonly rrs: Buffer }> {
    const { link, session } = this.#live ?? (await this.live(signal));
    const { rCode, rrs } = await link.manager.lookupDNS({ session, name, type }, { signal });
    return { rcode: rCode, rrs: Buffer.from(rrs.buffer, rrs.byteOffset, rrs.length) };
  }

  /** The laptop woke up or its network changed: look now instead of at the next tick. */
  checkNow(): void {
    this.#wakeUp.resolve();
  }

  /** Ends the session in the cluster, where that can still be said, and every tunnel. */
  async stop(): Promise<void> {
    const live = this.#live;
    this.#stop.abort();
    this.#waiting.reject(new AppError({ code: 'connection.lost', message: 'The connection was ended' }));
    if (live !== undefined) {
      await live.link.manager.depart(live.session, { timeoutMs: 500 }).catch(() => undefined);
      live.link.destroy();
    }
    await this.#running?.catch(() => undefined);
  }

  /** Arrives, or resumes the session of the link before. Version, session and configuration are asked in one flight. */
  async #enter(link: Link, signal: AbortSignal): Promise<Live> {
    try {
      const options = { signal, timeoutMs: callTimeoutMs };
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
    return await link.manager.arriveAsClient({ name, namespace, installId, version, product: 'telepresence' }, options);
  }

  /** Runs the live link until it breaks, then makes the next, until it is told to stop. */
  async #keep(first: Live, onFirstInfo: () => void): Promise<void> {
    let live: Live | undefined = first;
    let since = new Date();
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        live ??= await this.#reopen();
        attempt = 0;
        await this.#run(live, onFirstInfo);
        throw new AppError({ code: 'connection.lost', message: 'The connection to the traffic-manager broke' });
      } catch (error) {
        live = undefined;
        if (this.#stop.signal.aborted) return;
        if (attempt === 0) since = new Date();
        const place = { server: 'the API server', namespace: this.#options.managerNamespace };
        this.#options.onStateChanged({ kind: 'down', attempt: attempt + 1, since, reason: managerError(error, place) });
        await this.#pause(Math.min(firstRetryMs * 2 ** attempt, maxRetryMs));
      }
    }
  }

  async #reopen(): Promise<Live> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(callTimeoutMs)]);
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
      await Promise.race([live.link.closed, this.#watchClusterInfo(live, signal, onFirstInfo), this.#heartbeat(live, signal)]);
    } finally {
      end.abort();
      this.#live = undefined;
      this.#waiting = deferred();
      if (!this.#stop.signal.aborted) live.link.destroy();
    }
  }

  async #watchClusterInfo(live: Live, signal: AbortSignal, onFirstInfo: () => void): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const info of live.link.manager.watchClusterInfo(live.session, { signal })) {
          this.#options.onClusterInfo(info);
          onFirstInfo();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isSessionUnknown(error) || !live.link.isOpen) throw error;
        this.#options.logger.warn('The watch of the cluster ended', { error });
      }
      await this.#pause(1_000);
    }
  }

  /** Returns when the link fell silent or the traffic-manager forgot the session. */
  async #heartbeat(live: Live, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && live.link.isOpen) {
      const pace = live.link.stats().streams > 0 ? busyProbe : idleProbe;
      const due = Date.now() + pace.everyMs;
      await this.#pause(pace.everyMs);
      const hasSlept = Date.now() > due + sleepSlackMs;
      const timeoutMs = hasSlept ? busyProbe.timeoutMs : pace.timeoutMs;
      await Promise.all([this.#remain(live, signal), live.link.probe(timeoutMs)]);
    }
  }

  /** Keeps the session; only its being unknown is a failure, for silence is the probe's to judge. */
  async #remain(live: Live, signal: AbortSignal): Promise<void> {
    try {
      await live.link.manager.remain({ session: live.session }, { timeoutMs: callTimeoutMs, signal });
    } catch (error) {
      if (isSessionUnknown(error)) throw error;
    }
  }

  async #pause(ms: number): Promise<void> {
    this.#wakeUp = deferred();
    const timer = new AbortController();
    try {
      await Promise.race([sleep(ms, undefined, { signal: AbortSignal.any([this.#stop.signal, timer.signal]) }), this.#wakeUp.promise]);
    } catch {
      // Stopped.
    } finally {
      timer.abort();
    }
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
