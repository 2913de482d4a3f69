import type { Logger } from '#base/common/log.ts';
import { dnsRcode } from '#net/dns/constants.ts';
import { withFinalDot } from '#net/dns/names.ts';
import { type RawRecord, readRecords } from '#net/dns/wire.ts';
import { ExpiringCache } from './expiring-cache.ts';

/** Asks the cluster's DNS, by way of the traffic-manager. */
export interface ClusterLookup {
  /**
   * @param name with a final dot
   * @returns response code, and the answer's records packed one after another without compression
   */
  lookup(name: string, type: number, signal: AbortSignal): Promise<{ readonly rcode: number; readonly rrs: Buffer }>;
}

export type ClusterAnswer =
  | {
      readonly kind: 'answered';
      readonly rcode: number;
      readonly records: readonly RawRecord[];
      /** `performance.now()` until which it may be given out again. */
      readonly expiresAt: number;
      /** From here on an answer that is given out is asked for anew in the background. */
      readonly refreshAt: number;
    }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Answers are kept for as long as their records say, but not longer than this. A cluster gives out service records for 5 to 30 s,
 * while programs inside it ask anew each time: after a pod is replaced, the laptop must not use its old address for half a minute.
 * Names in use are refreshed in the second half of that time, so that they stay as quick as with a long one.
 */
const maxPositiveMs = 10_000;
/** A name that was just created must not look missing for long; a program's burst of retries still costs one look-up. */
const negativeMs = 2_000;
const maxEntries = 4_096;

/** Look-ups in the cluster: cached, equal ones joined, each with a deadline. */
export class ClusterResolver {
  readonly counters = { cacheHits: 0, lookups: 0, failures: 0 };
  readonly #lookup: ClusterLookup;
  readonly #logger: Logger;
  readonly #translate: (records: RawRecord[]) => RawRecord[];
  readonly #cache = new ExpiringCache<ClusterAnswer & { kind: 'answered' }>(maxEntries);
  readonly #pending = new Map<string, Promise<ClusterAnswer>>();
  readonly #stopped = new AbortController();
  #generation = 0;
  #lastError: string | undefined;

  /** @param translate applied to the records of each answer before it is kept. */
  constructor(lookup: ClusterLookup, logger: Logger, translate: (records: RawRecord[]) => RawRecord[]) {
    this.#lookup = lookup;
    this.#logger = logger;
    this.#translate = translate;
  }

  /** Why the latest look-up failed; `undefined` when it did not. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  get cachedAnswers(): number {
    return this.#cache.size;
  }

  isPending(name: string, type: number): boolean {
    return this.#pending.has(`${type} ${name}`);
  }

  /** @param name normalized */
  async resolve(name: string, type: number, timeoutMs: number): Promise<ClusterAnswer> {
    const key = `${type} ${name}`;
    const now = performance.now();
    const cached = this.#cache.get(key, now);
    if (cached !== undefined) {
      this.counters.cacheHits += 1;
      if (now >= cached.refreshAt) void this.#join(key, name, type, timeoutMs);
      return cached;
    }
    return this.#join(key, name, type, timeoutMs);
  }

  /** Forgets every answer; look-ups under way are not kept either. */
  flush(): void {
    this.#generation += 1;
    this.#cache.clear();
    this.#pending.clear();
  }

  stop(): void {
    this.#stopped.abort();
    this.flush();
  }

  #join(key: string, name: string, type: number, timeoutMs: number): Promise<ClusterAnswer> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const asked = this.#ask(key, name, type, timeoutMs).finally(() => {
      if (this.#pending.get(key) === asked) this.#pending.delete(key);
    });
    this.#pending.set(key, asked);
    return asked;
  }

  async #ask(key: string, name: string, type: number, timeoutMs: number): Promise<ClusterAnswer> {
    const generation = this.#generation;
    this.counters.lookups += 1;
    try {
      const { rcode, rrs } = await this.#withDeadline(name, type, timeoutMs);
      // A cluster's DNS that fails or refuses says nothing about the name.
      if (rcode !== dnsRcode.noError && rcode !== dnsRcode.nameError)
        throw new Error(`the cluster's DNS answered with code ${rcode}`);
      const records = this.#translate(readRecords(rrs));
      const keepMs = records.length === 0 ? negativeMs : Math.min(maxPositiveMs, ...records.map((record) => record.ttl * 1000));
      const now = performance.now();
      const refreshAt = now + (records.length === 0 ? keepMs : keepMs / 2);
      const answer = { kind: 'answered', rcode, records, expiresAt: now + keepMs, refreshAt } as const;
      if (generation === this.#generation && keepMs > 0) this.#cache.set(key, answer, answer.expiresAt);
      this.#lastError = undefined;
      return answer;
    } catch (error) {
      this.counters.failures += 1;
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#stopped.signal.aborted) {
        if (this.#lastError === undefined) this.#logger.warn('Looking up a name in the cluster failed', { name, type, reason });
        this.#lastError = reason;
      }
      return { kind: 'failed', reason };
    }
  }

  /** A look-up that ignores its signal must not hold its askers. */
  async #withDeadline(name: string, type: number, timeoutMs: number): Promise<{ readonly rcode: number; readonly rrs: Buffer }> {
    const deadline = new AbortController();
    const ended = Promise.withResolvers<never>();
    const end = (reason: string) => () => {
      ended.reject(new Error(reason));
      deadline.abort();
    };
    const timer = setTimeout(end(`no answer within ${timeoutMs} ms`), timeoutMs);
    const onStopped = end('the DNS server was stopped');
    this.#stopped.signal.addEventListener('abort', onStopped);
    try {
      this.#stopped.signal.throwIfAborted();
      return await Promise.race([this.#lookup.lookup(withFinalDot(name), type, deadline.signal), ended.promise]);
    } finally {
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener('abort', onStopped);
    }
  }
}
