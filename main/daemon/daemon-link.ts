import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#base/common/log.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';

/**
 * ```
 * starting → connected(state)* → lost(error) → connected(state)* → …
 *     ├──────────────────────────→ lost(error)
 *     └→ connected(state)* → ended → connected(state)* → …
 * ```
 */
export type DaemonCondition =
  | { readonly kind: 'starting' }
  | { readonly kind: 'connected'; readonly state: DaemonState }
  | { readonly kind: 'lost'; readonly error: AppError }
  /** Somebody ended it, so it is not started before somebody says so. */
  | { readonly kind: 'ended' };

export interface DaemonLinkOptions {
  /** Finds or starts the daemon. */
  open(signal: AbortSignal): Promise<ApiClient>;
  /** Whether a daemon that was there a moment ago has ended in good order. */
  hasEnded(): boolean;
  onChange(condition: DaemonCondition): void;
  readonly logger: Logger;
  /** Before the first further attempt; doubled up to `maxRetryMs`. Default 250 ms. */
  readonly retryMs?: number;
}

/** A person who looks at the trouble icon should not wait longer for the next attempt. */
const maxRetryMs = 10_000;

/** How often it is looked for a daemon that somebody else starts. */
const lookMs = 1_000;

/** Main's connection to the daemon: kept for as long as the app runs, and made anew with a new daemon where the old one went away. */
export class DaemonLink {
  readonly #options: DaemonLinkOptions;
  readonly #stopped = new AbortController();
  #condition: DaemonCondition = { kind: 'starting' };
  #api: ApiClient | undefined;
  #running: Promise<void> | undefined;
  #isEndExpected = false;
  #wanted = Promise.withResolvers<void>();

  constructor(options: DaemonLinkOptions) {
    this.#options = options;
  }

  get condition(): DaemonCondition {
    return this.#condition;
  }

  get state(): DaemonState | undefined {
    return this.#condition.kind === 'connected' ? this.#condition.state : undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** @throws AppError `daemon.lost` while there is none. */
  get api(): ApiClient {
    if (this.#api !== undefined) return this.#api;
    if (this.#condition.kind === 'lost') throw this.#condition.error;
    const isEnded = this.#condition.kind === 'ended';
    throw new AppError({ code: 'daemon.lost', message: isEnded ? 'The daemon was ended' : 'The daemon is still starting' });
  }

  /** The daemon is about to end on request: it is not started again. */
  expectEnd(): void {
    this.#isEndExpected = true;
  }

  /** Starts a daemon where one was ended. */
  startDaemon(): void {
    this.#wanted.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#api?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const firstRetryMs = this.#options.retryMs ?? 250;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        const api = await this.#options.open(signal);
        this.#api = api;
        await mirrorState(
          api,
          (state) => {
            retryMs = firstRetryMs;
            this.#change({ kind: 'connected', state });
          },
          signal,
        );
        api.close();
      } catch (thrown) {
        if (signal.aborted || this.#isEndExpected) break;
        const error = AppError.from(thrown);
        const wasThere = this.#api !== undefined;
        this.#api = undefined;
        if (wasThere && this.#options.hasEnded()) {
          this.#options.logger.info('The daemon was ended');
          this.#change({ kind: 'ended' });
          await this.#untilWanted();
          continue;
        }
        this.#options.logger.warn('The daemon is gone', { code: error.code, message: error.message, retryMs });
        this.#change({ kind: 'lost', error });
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
    this.#api = undefined;
  }

  /** Until somebody wants a daemon, or has started one. */
  async #untilWanted(): Promise<void> {
    const { signal } = this.#stopped;
    this.#wanted = Promise.withResolvers<void>();
    let isWanted = false;
    void this.#wanted.promise.then(() => {
      isWanted = true;
    });
    while (!isWanted && !signal.aborted && this.#options.hasEnded()) {
      const looking = new AbortController();
      const look = delay(lookMs, undefined, { signal: AbortSignal.any([signal, looking.signal]) }).catch(() => undefined);
      await Promise.race([this.#wanted.promise, look]);
      looking.abort();
    }
  }

  #change(condition: DaemonCondition): void {
    if (this.#stopped.signal.aborted) return;
    this.#condition = condition;
    this.#options.onChange(condition);
  }
}
