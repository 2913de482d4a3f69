import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import { MuxRefusedError } from '#net/mux/mux-frames.ts';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { TunnelOptions } from '../data-path/tunnel-dialer.ts';
import { MuxSession } from './mux-session.ts';
import { WireSession } from './wire-session.ts';

type Session = WireSession | MuxSession;

/** A tunnel and the session that carries it. */
export interface CarriedTunnel {
  readonly tunnel: TunnelDuplex;
  readonly carrier: { readonly isOpen: boolean };
}

export interface SessionPoolOptions {
  /** For calls, and tunnels until there are more sessions. The pool lives as long as it. */
  readonly first: WireSession;
  /** Opens another port-forward to the same pod, and speaks on it. */
  readonly open: <S>(speak: (forward: PortForward) => Promise<S>, signal: AbortSignal) => Promise<S>;
  /** The service that tunnels are opened on, where the pod knows no multiplexed connections. */
  readonly tunnelPath: string;
  /** Port-forwards besides the first that carry tunnels at the same time, while streams have room. */
  readonly sharedForwards: number;
  /** The most, where the peer's stream limit asks for them. */
  readonly maxForwards: number;
  /** Who the peer is, for people: `the traffic-manager`. */
  readonly peer: string;
  /** Any answer shows that the peer is there. */
  readonly ask: (session: WireSession, timeoutMs: number) => Promise<unknown>;
  readonly logger: Logger;
}

/** Opening a port-forward to a pod of a healthy cluster takes 30 ms; a slow one far away some seconds. */
const openTimeoutMs = 10_000;

/** Before another port-forward for look-ups is tried. */
const lookupsRetryMs = 5_000;

/**
 * The sessions with one pod: a first one for calls, and more as tunnels need them. Those are multiplexed connections where the pod knows them,
 * as ours do, and HTTP/2 like the first where it does not.
 */
export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #forwards: Session[] = [];
  readonly #end = new AbortController();
  #opening: Promise<boolean> | undefined;
  /** For look-ups alone: no tunnel's data is ever in front of them. One, and former ones that still have answers on their way. */
  readonly #lookups: MuxSession[] = [];
  #isOpeningLookups = false;
  /** Until the pod has said otherwise. */
  #isMux = true;

  constructor(options: SessionPoolOptions) {
    this.#options = options;
  }

  get first(): WireSession {
    return this.#options.first;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    const all = this.#all();
    return { forwards: all.length, streams: all.reduce((sum, session) => sum + session.tunnels, 0) };
  }

  /**
   * Opens a tunnel on the least busy session; opens another session behind its back where all are busy, and first where all are full.
   *
   * @throws AppError where all are full and no other can be had.
   */
  async openTunnel(info: StreamInfo, signal: AbortSignal, options: TunnelOptions = {}): Promise<CarriedTunnel> {
    const { maxForwards, peer } = this.#options;
    let carrier = this.#pick();
    while (carrier === undefined && (await untilAborted(this.#grow(maxForwards), signal))) carrier = this.#pick();
    if (carrier === undefined) {
      throw new AppError({ code: 'connection.lost', message: `The way to ${peer} has no room for another connection` });
    }
    // In the same turn as the choice: of hundreds that waited for one session, each sees those before it.
    return { tunnel: carrier.openTunnel(info, options), carrier };
  }

  /**
   * Asks on a connection for look-ups, which costs half the time of a call of HTTP/2; on the first session until there is one, and where
   * the pod knows none.
   */
  async lookupDns(...request: Parameters<WireSession['lookupDns']>): ReturnType<WireSession['lookupDns']> {
    const open = this.#lookups.find(({ isOpen }) => isOpen);
    if (open === undefined && this.#isMux && !this.#isOpeningLookups) void this.#openLookups();
    return await (open ?? this.first).lookupDns(...request);
  }

  destroy(): void {
    this.#end.abort();
    for (const session of this.#all()) session.destroy();
  }

  /** Waits for one answer on every session; those that stay silent are ended. */
  async probe(timeoutMs: number): Promise<void> {
    const open = this.#all().filter((session) => session.isOpen);
    await Promise.all(open.map((session) => this.#probe(session, timeoutMs)));
  }

  #all(): readonly Session[] {
    return [this.first, ...this.#forwards, ...this.#lookups];
  }

  #pick(): Session | undefined {
    // Tunnels keep off the session of the calls where they can: a look-up should not queue behind a download.
    const candidates = this.#forwards.filter((session) => session.isOpen && session.hasRoom);
    const best = candidates.toSorted((a, b) => a.tunnels - b.tunnels)[0];
    const isWanted = best === undefined ? this.#options.sharedForwards > 0 : best.tunnels > 0;
    if (isWanted) void this.#grow(this.#options.sharedForwards);
    return best ?? (this.first.isOpen && this.first.hasRoom ? this.first : undefined);
  }

  /** @returns whether there is another session now. */
  #grow(limit: number): Promise<boolean> {
    if (this.#forwards.length >= limit || !this.first.isOpen) return Promise.resolve(false);
    this.#opening ??= this.#addForward().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #addForward(): Promise<boolean> {
    try {
      return this.#keep(this.#forwards, await this.#open(this.#openSignal()));
    } catch (error) {
      if (!this.#end.signal.aborted) this.#options.logger.warn('No further port-forward', { peer: this.#options.peer, error });
    }
    return false;
  }

  async #openLookups(): Promise<void> {
    this.#isOpeningLookups = true;
    try {
      const session = await this.#openMux(this.#openSignal());
      if (session !== undefined) this.#keep(this.#lookups, session);
    } catch (error) {
      if (!this.#end.signal.aborted)
        this.#options.logger.warn('No port-forward for look-ups', { peer: this.#options.peer, error });
      await sleep(lookupsRetryMs, undefined, { ref: false });
    } finally {
      this.#isOpeningLookups = false;
    }
  }

  #openSignal(): AbortSignal {
    return AbortSignal.any([this.#end.signal, AbortSignal.timeout(openTimeoutMs)]);
  }

  /** Until it has ended. @returns false where the pool has ended before it. */
  #keep<S extends Session>(sessions: S[], session: S): boolean {
    sessions.push(session);
    void session.closed.then(() => sessions.splice(sessions.indexOf(session), 1));
    if (this.#end.signal.aborted) session.destroy();
    return !this.#end.signal.aborted;
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const { open, tunnelPath } = this.#options;
    return (await this.#openMux(signal)) ?? (await open((forward) => WireSession.open(forward, tunnelPath), signal));
  }

  /** @returns `undefined` where the pod knows no multiplexed connections. */
  async #openMux(signal: AbortSignal): Promise<MuxSession | undefined> {
    if (!this.#isMux) return undefined;
    try {
      return await this.#options.open((forward) => MuxSession.open(forward), signal);
    } catch (error) {
      if (!(error instanceof MuxRefusedError)) throw error;
      this.#isMux = false;
      return undefined;
    }
  }

  /** An error of the peer is an answer too, and so is any other byte; silence ends the session. */
  async #probe(session: Session, timeoutMs: number): Promise<void> {
    const before = session.bytesReceived;
    try {
      await (session instanceof MuxSession ? session.ping(timeoutMs) : this.#options.ask(session, timeoutMs));
    } catch (error) {
      const { code } = ConnectError.from(error);
      const isSilent = session instanceof MuxSession || code === Code.DeadlineExceeded || code === Code.Canceled;
      if (isSilent && session.bytesReceived === before) session.destroy();
    }
  }
}
