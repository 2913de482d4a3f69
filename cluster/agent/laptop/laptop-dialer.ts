import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
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
}

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
    const { watchers, openJoined } = this.#parts;
    const tunnel = watchers.has(info.sessionId) ? await watchers.request(info, signal) : openJoined(info);
    tunnel.on('error', () => undefined);
    try {
      await untilAborted(tunnel.dialled, signal);
      return tunnel;
    } catch (error) {
      tunnel.destroy();
      throw error;
    }
  }
}
