import type { Logger } from '#base/common/log.ts';
import { dialledTunnel } from '#net/tunnel/dialled-tunnel.ts';
import { describeConnection, type Endpoint, type Protocol, type StreamInfo } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, type TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { PortIntercept } from '../intercepts.ts';
import type { DialWatchers } from './dial-watchers.ts';

/**
 * `refused`: the laptop answers, but nothing listens there; the caller sees a closed port. `lost`: the laptop does not answer; the app is
 * there for the caller.
 */
export type DialOutcome =
  | { readonly kind: 'reached'; readonly tunnel: TunnelDuplex }
  | { readonly kind: 'refused' }
  | { readonly kind: 'lost' };

export interface LaptopDialerParts {
  readonly watchers: DialWatchers;
  /** Opens a tunnel on the traffic-manager, to be joined with one of the laptop's. Throws where there is no session. */
  readonly openJoined: (info: StreamInfo) => TunnelDuplex;
  readonly logger: Logger;
  readonly now?: () => number;
  /** Default 500 ms. */
  readonly patienceMs?: number;
}

/** A laptop that watches opens its tunnel within a round trip; beyond this much more, it is asked by way of the traffic-manager as well. */
const defaultPatienceMs = 500;

/** After a laptop let a connection time out, one connection in this time waits for it; the others go to the app at once. */
const retryLostMs = 5_000;

/** Brings connections to laptops: straight where the laptop watches this pod, else by way of the traffic-manager. */
export class LaptopDialer {
  readonly #parts: LaptopDialerParts;
  /** When a session that let a connection time out is asked again. */
  readonly #retryAt = new Map<string, number>();

  constructor(parts: LaptopDialerParts) {
    this.#parts = parts;
  }

  /** The laptop has shown that it is there. */
  sawLaptop(sessionId: string): void {
    this.#retryAt.delete(sessionId);
  }

  /** Forgets all but these sessions. */
  keepSessions(sessionIds: ReadonlySet<string>): void {
    for (const id of this.#retryAt.keys()) if (!sessionIds.has(id)) this.#retryAt.delete(id);
  }

  /** Never throws; settles within the intercept's dial time-out and round trip. */
  async dial(intercept: PortIntercept, source: Endpoint, protocol: Protocol): Promise<DialOutcome> {
    const { sessionId, dialTimeoutMs, roundtripMs, target } = intercept;
    const { logger, now = () => performance.now() } = this.#parts;
    const retryAt = this.#retryAt.get(sessionId);
    if (retryAt !== undefined) {
      if (now() < retryAt) return { kind: 'lost' };
      this.#retryAt.set(sessionId, now() + retryLostMs);
    }
    const info: StreamInfo = { sessionId, dialTimeoutMs, roundtripMs, connectionId: { source, destination: target, protocol } };
    const signal = AbortSignal.timeout(dialTimeoutMs + roundtripMs);
    try {
      const tunnel = await this.#open(info, signal);
      this.#retryAt.delete(sessionId);
      return { kind: 'reached', tunnel };
    } catch (error) {
      const connection = describeConnection(info.connectionId);
      if (error instanceof DialRejectedError) {
        this.#retryAt.delete(sessionId);
        // One that the laptop was not told of yet cannot be refused for good.
        return { kind: intercept.isActive ? 'refused' : 'lost' };
      }
      if (signal.aborted) this.#retryAt.set(sessionId, now() + retryLostMs);
      logger.warn('The laptop was not reached; the app answers', { intercept: intercept.id, connection, error });
      return { kind: 'lost' };
    }
  }

  async #open(info: StreamInfo, signal: AbortSignal): Promise<TunnelDuplex> {
    const { watchers, patienceMs = defaultPatienceMs } = this.#parts;
    if (!watchers.has(info.sessionId)) return await this.#openJoined(info, signal);
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    const claimed = watchers.request(info, both);
    const direct = claimed.then(async (tunnel) => await dialledTunnel(tunnel, both));
    direct.catch(() => undefined);
    try {
      const isClaimed = await within(claimed, patienceMs + info.roundtripMs);
      if (isClaimed) return await direct;
    } catch (error) {
      if (error instanceof DialRejectedError || signal.aborted) throw error;
    }
    // The way may have broken without a sign.
    const tunnel = await firstVerdict([direct, this.#openJoined(info, both)]);
    end.abort();
    return tunnel;
  }

  async #openJoined(info: StreamInfo, signal: AbortSignal): Promise<TunnelDuplex> {
    return await dialledTunnel(this.#parts.openJoined(info), signal);
  }
}

/** Whether the promise resolves within the time. @throws what it rejects with in that time. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = Promise.withResolvers<boolean>();
  const timeout = setTimeout(() => timer.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}

/** The first tunnel, or the first refusal, which is as much the laptop's word; the last failure where there is neither. */
async function firstVerdict(dials: readonly Promise<TunnelDuplex>[]): Promise<TunnelDuplex> {
  const found = Promise.withResolvers<TunnelDuplex>();
  let isFound = false;
  let failures = 0;
  for (const dial of dials) {
    dial.then(
      (tunnel) => {
        if (isFound) tunnel.destroy();
        isFound = true;
        found.resolve(tunnel);
      },
      (error: unknown) => {
        failures += 1;
        if (error instanceof DialRejectedError || failures === dials.length) {
          isFound = true;
          found.reject(error);
        }
      },
    );
  }
  return await found.promise;
}
