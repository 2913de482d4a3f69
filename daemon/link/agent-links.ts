import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp, ipFromBytes } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import type { ConnectionId } from '#net/tunnel/stream-info.ts';
import type { AgentPodInfo, DialRequest, SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AgentLink, type AgentPod, type ProbeTiming } from './agent-link.ts';
import type { DialWay } from './dial-way.ts';
import type { ManagerClient } from './wire-session.ts';

export interface AgentLinksOptions {
  readonly session: {
    live(signal: AbortSignal): Promise<{
      readonly link: { readonly manager: ManagerClient; readonly closed: Promise<void>; readonly isOpen: boolean };
      readonly session: SessionInfo;
    }>;
  };
  /** Credentials as they are now. */
  readonly openCluster: () => KubeClient;
  /** Whether pods may be reached directly; may change at any time. */
  readonly isEnabled: () => boolean;
  /** A connection arrived at a pod, which waits for a tunnel by the same way. */
  readonly onDialRequest: (way: DialWay, request: DialRequest) => void;
  /** A direct way began or ended. */
  readonly onChanged?: () => void;
  readonly logger: Logger;
  /** Default: `agentLinkTiming`. */
  readonly timing?: Partial<AgentLinkTiming>;
}

export interface AgentLinkTiming {
  readonly probe: ProbeTiming;
  /** Doubled with every failure of a pod. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** How long is not asked again whether this user may open port-forwards. */
  readonly forbiddenMs: number;
  /** Without a tunnel for this long, a link that nothing else needs is closed. */
  readonly idleMs: number;
  /** The traffic-manager may have been restarted, and not know yet what is intercepted. */
  readonly unwatchMs: number;
}

const agentLinkTiming: AgentLinkTiming = {
  probe: { everyMs: 2_500, timeoutMs: 2_500 },
  firstRetryMs: 500,
  maxRetryMs: 30_000,
  forbiddenMs: 5 * 60_000,
  idleMs: 60_000,
  unwatchMs: 30_000,
};

/** Pods that are reached directly at the same time; the others are by way of the traffic-manager. */
const maxLinks = 8;

const openTimeoutMs = 10_000;
const rewatchMs = 1_000;
const maxSweepMs = 15_000;

interface Entry {
  pod: AgentPod;
  /** Among those that the traffic-manager named last. */
  isListed: boolean;
  link: AgentLink | undefined;
  opening: Promise<AgentLink | undefined> | undefined;
  isWatched: boolean;
  watch: AbortController | undefined;
  failures: number;
  /** By the clock of `performance`, as all of these. */
  retryAt: number;
  usedAt: number;
  interceptedAt: number;
}

/**
 * The direct ways to agents in the connected namespace, opened as they are needed. Those of intercepted pods are held open, for dial
 * requests. None of it has to work: what finds no direct way goes by way of the traffic-manager. Direct ways outlive the one to the
 * traffic-manager.
 */
export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #timing: AgentLinkTiming;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  #session: SessionInfo | undefined;
  #following: Promise<void> | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #forbiddenUntil = 0;

  constructor(options: AgentLinksOptions) {
    this.#options = options;
    this.#timing = { ...agentLinkTiming, ...options.timing };
  }

  /** Begins to follow which pods have agents. */
  start(): void {
    const { idleMs, unwatchMs } = this.#timing;
    this.#sweeper ??= setInterval(() => this.#sweep(), Math.min(maxSweepMs, idleMs, unwatchMs)).unref();
    this.#following ??= this.#follow().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.logger.error('Agents are not followed any more', { error });
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#sweeper);
    for (const { link } of this.#entries.values()) link?.destroy();
    await Promise.all([...this.#entries.values()].flatMap(({ opening }) => opening ?? []));
    await this.#following;
    this.#entries.clear();
  }

  stats(): { readonly pods: number; readonly watched: number; readonly forwards: number; readonly streams: number } {
    const entries = [...this.#entries.values()].filter(({ link }) => link?.isOpen === true);
    const stats = entries.map(({ link }) => link?.stats() ?? { forwards: 0, streams: 0 });
    return {
      pods: entries.length,
      watched: entries.filter(({ isWatched }) => isWatched).length,
      forwards: stats.reduce((sum, { forwards }) => sum + forwards, 0),
      streams: stats.reduce((sum, { streams }) => sum + streams, 0),
    };
  }

  /**
   * The best link that is open: of the pod that is the destination, else of an intercepted pod, else of any. Where there is a better one to
   * be had, it is made behind the caller's back, for the next connection.
   */
  pick({ destination, protocol }: ConnectionId): { readonly link: AgentLink; readonly isDestination: boolean } | undefined {
    if (!this.#options.isEnabled() || this.#stop.signal.aborted) return undefined;
    const entries = [...this.#entries.values()];
    const address = formatIp(destination.ip);
    const own = entries.find(({ pod, isListed }) => isListed && pod.ip !== undefined && formatIp(pod.ip) === address);
    if (own !== undefined && own.link?.isOpen !== true) void this.#open(own);
    if (own?.link?.isOpen === true) return used(own, own.link, true);
    // Whether a datagram arrived is not told, so there would be no falling back.
    if (protocol === 'udp') return undefined;
    const open = entries.filter(({ link, isListed }) => isListed && link?.isOpen === true);
    const best = open.find(({ isWatched }) => isWatched) ?? open[0];
    if (best?.link !== undefined) return used(best, best.link, false);
    this.#openAny(entries);
    return undefined;
  }

  /** Something about the network has changed. */
  checkNow(): void {
    this.#forbiddenUntil = 0;
    for (const entry of this.#entries.values()) {
      entry.retryAt = 0;
      void entry.link?.probe(this.#timing.probe.timeoutMs);
      if (entry.watch === undefined) void this.#keepWatch(entry);
    }
  }

  #openAny(entries: readonly Entry[]): void {
    if (entries.some(({ opening }) => opening !== undefined)) return;
    const candidates = entries.filter(({ isListed, retryAt }) => isListed && retryAt <= performance.now());
    // Laptops that all choose the same pod would be a burden to it.
    const chosen = candidates[Math.floor(Math.random() * candidates.length)];
    if (chosen !== undefined) void this.#open(chosen);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { link, session } = await this.#options.session.live(signal);
      if (this.#session?.sessionId !== session.sessionId) for (const { watch } of this.#entries.values()) watch?.abort();
      this.#session = session;
      const end = new AbortController();
      try {
        const watching = this.#watchPods(link.manager, session, AbortSignal.any([signal, end.signal]));
        // A call that has just begun does not always hear that it was given up, and an end waits for this one.
        await untilAborted(Promise.race([link.closed, watching]), signal);
      } catch (error) {
        if (!signal.aborted && link.isOpen) this.#options.logger.debug('The watch of agents ended', { error });
      } finally {
        end.abort();
      }
      await pause(rewatchMs, signal);
    }
  }

  async #watchPods(manager: ManagerClient, session: SessionInfo, signal: AbortSignal): Promise<void> {
    for await (const { agents } of manager.watchAgentPods(session, { signal })) this.#podsAre(agents.map(podOf));
  }

  #podsAre(pods: readonly AgentPod[]): void {
    for (const entry of this.#entries.values()) {
      if (entry.isListed && entry.pod.isIntercepted) entry.interceptedAt = performance.now();
      entry.isListed = false;
    }
    for (const pod of pods) {
      const entry = this.#entries.get(pod.name) ?? newEntry(pod);
      this.#entries.set(pod.name, entry);
      entry.isListed = true;
      entry.pod = pod;
      if (entry.watch === undefined) void this.#keepWatch(entry);
    }
    for (const [name, { isListed, link, opening, watch }] of this.#entries)
      if (!isListed && link === undefined && opening === undefined && watch === undefined) this.#entries.delete(name);
  }

  #isWatchWanted({ pod, isListed, interceptedAt }: Entry): boolean {
    if (!this.#options.isEnabled()) return false;
    return (pod.isIntercepted && isListed) || performance.now() - interceptedAt < this.#timing.unwatchMs;
  }

  /** Holds a watch of dial requests at the pod for as long as it is of use. */
  async #keepWatch(entry: Entry): Promise<void> {
    while (!this.#stop.signal.aborted && this.#isWatchWanted(entry)) {
      const end = new AbortController();
      entry.watch = end;
      const signal = AbortSignal.any([this.#stop.signal, end.signal]);
      const link = await this.#open(entry);
      const session = this.#session;
      // A call does not always hear that its connection was given up.
      void link?.closed.then(() => end.abort());
      if (link !== undefined && session !== undefined) await this.#watchDials(entry, link, session, signal);
      await pause(Math.max(this.#timing.firstRetryMs, Math.min(entry.retryAt - performance.now(), rewatchMs)), signal);
    }
    entry.watch = undefined;
  }

  async #watchDials(entry: Entry, link: AgentLink, session: SessionInfo, signal: AbortSignal): Promise<void> {
    const { logger, onDialRequest } = this.#options;
    const way: DialWay = {
      isDirect: true,
      sessionId: session.sessionId,
      openTunnel: async (info, opening) => (await link.openTunnel(info, opening)).tunnel,
    };
    try {
      entry.isWatched = true;
      for await (const request of link.watchDials(session, signal)) onDialRequest(way, request);
    } catch (error) {
      if (!signal.aborted) logger.info('An agent is not watched directly', { pod: entry.pod.name, error });
    } finally {
      entry.isWatched = false;
      entry.usedAt = performance.now();
    }
  }

  /** Never rejects; `undefined` where there is no way at the moment. */
  #open(entry: Entry): Promise<AgentLink | undefined> {
    if (entry.link?.isOpen === true) return Promise.resolve(entry.link);
    if (entry.opening !== undefined) return entry.opening;
    const now = performance.now();
    const count = [...this.#entries.values()].filter(({ link, opening }) => link !== undefined || opening !== undefined).length;
    const isPossible = this.#options.isEnabled() && now >= entry.retryAt && now >= this.#forbiddenUntil && count < maxLinks;
    if (!isPossible || this.#stop.signal.aborted) return Promise.resolve(undefined);
    entry.opening = this.#make(entry).finally(() => (entry.opening = undefined));
    return entry.opening;
  }

  async #make(entry: Entry): Promise<AgentLink | undefined> {
    const { openCluster, logger } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(openTimeoutMs)]);
    try {
      const link = await AgentLink.open(openCluster(), entry.pod, { probe: this.#timing.probe, logger, signal });
      if (this.#stop.signal.aborted) {
        link.destroy();
        return undefined;
      }
      entry.link = link;
      entry.failures = 0;
      entry.usedAt = performance.now();
      logger.info('A pod is reached directly', { pod: entry.pod.name });
      this.#options.onChanged?.();
      void link.closed.then(() => this.#lost(entry, link));
      return link;
    } catch (error) {
      this.#failed(entry, error);
      return undefined;
    }
  }

  #lost(entry: Entry, link: AgentLink): void {
    if (entry.link !== link) return;
    entry.link = undefined;
    if (!this.#stop.signal.aborted) {
      this.#options.logger.info('A pod is not reached directly any more', { pod: entry.pod.name });
      this.#options.onChanged?.();
    }
    if (!entry.isListed && this.#entries.get(entry.pod.name) === entry) this.#entries.delete(entry.pod.name);
  }

  #failed(entry: Entry, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const { firstRetryMs, maxRetryMs, forbiddenMs } = this.#timing;
    const now = performance.now();
    entry.retryAt = now + Math.min(maxRetryMs, firstRetryMs * 2 ** entry.failures);
    entry.failures += 1;
    if (error instanceof KubeStatusError && error.status === 403) {
      this.#forbiddenUntil = now + forbiddenMs;
      this.#options.logger.info('Pods may not be reached directly; the traffic-manager stands in', { error });
    } else this.#options.logger.debug('A pod is not reached directly', { pod: entry.pod.name, error });
  }

  #sweep(): void {
    const now = performance.now();
    for (const entry of this.#entries.values()) {
      if (this.#isWatchWanted(entry)) continue;
      entry.watch?.abort();
      const { link } = entry;
      if (link === undefined) continue;
      if (link.stats().streams > 0) entry.usedAt = now;
      if (now - entry.usedAt > this.#timing.idleMs) link.destroy();
    }
  }
}

function used(entry: Entry, link: AgentLink, isDestination: boolean) {
  entry.usedAt = performance.now();
  return { link, isDestination };
}

function newEntry(pod: AgentPod): Entry {
  return {
    pod,
    isListed: true,
    link: undefined,
    opening: undefined,
    isWatched: false,
    watch: undefined,
    failures: 0,
    retryAt: 0,
    usedAt: 0,
    interceptedAt: Number.NEGATIVE_INFINITY,
  };
}

function podOf({ podName, namespace, podIp, apiPort, intercepted }: AgentPodInfo): AgentPod {
  return { name: podName, namespace, ip: ipFromBytes(podIp), apiPort, isIntercepted: intercepted };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
