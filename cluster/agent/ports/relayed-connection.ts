import type { Socket } from 'node:net';
import { type ConnectionEnd, joinStreams, resetEnd } from '#net/relay/join-streams.ts';

/** Silence after an answer that means that no request is under way. */
export const quietMs = 100;

/** How long a connection with something under way may still go where it went before. */
export const drainLimitMs = 10_000;

/** Between the half close that a quiet connection gets, and its end. */
const lingerMs = 1_000;

const checkEveryMs = 25;

/** A caller's connection that is being copied to where it was sent: to the app, or to a laptop. */
export class RelayedConnection {
  readonly #caller: Socket;
  readonly #target: ConnectionEnd;
  #lastFrom: 'caller' | 'target' = 'target';
  #lastAt = performance.now();
  #drain: NodeJS.Timeout | undefined;

  constructor(caller: Socket, target: ConnectionEnd) {
    this.#caller = caller;
    this.#target = target;
    caller.on('data', () => this.#saw('caller'));
    target.on('data', () => this.#saw('target'));
    caller.once('close', () => clearInterval(this.#drain));
    joinStreams(caller, target);
  }

  /**
   * Connections go elsewhere from now on: ends this one as soon as nothing is under way, so that a caller which keeps connections opens
   * a new one. Protocols are opaque here: under way means that bytes flow, or that the caller spoke last.
   */
  drain(): void {
    if (this.#drain !== undefined || this.#caller.destroyed) return;
    const until = performance.now() + drainLimitMs;
    this.#drain = setInterval(() => {
      const now = performance.now();
      if (now > until) this.reset();
      else if (this.#lastFrom === 'target' && now - this.#lastAt >= quietMs) this.#endQuietly();
    }, checkEveryMs);
  }

  reset(): void {
    clearInterval(this.#drain);
    resetEnd(this.#caller);
    resetEnd(this.#target);
  }

  #endQuietly(): void {
    clearInterval(this.#drain);
    this.#target.unpipe(this.#caller);
    this.#caller.end();
    setTimeout(() => this.reset(), lingerMs).unref();
  }

  #saw(from: 'caller' | 'target'): void {
    this.#lastFrom = from;
    this.#lastAt = performance.now();
  }
}
