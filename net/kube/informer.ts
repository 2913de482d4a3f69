import { setTimeout as sleep } from 'node:timers/promises';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { type Logger, silentLogger } from '#base/common/log.ts';
import { type KubeClient, KubeStatusError } from './kube-client.ts';

/** The parts of an object that every list has. */
export interface KubeObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
}

export interface InformerOptions<T extends KubeObject, S> {
  readonly client: KubeClient;
  /** The collection: `/apis/apps/v1/namespaces/default/deployments`. */
  readonly path: string;
  /** Selectors; never `limit`, `watch` or `resourceVersion`. */
  readonly query?: Readonly<Record<string, string>>;
  /** The few fields that are kept of an object; `undefined` leaves it out. An object that stops being selected is deleted. */
  readonly select: (object: T) => S | undefined;
  readonly logger?: Logger;
  /** Objects in one answer of a list: bounds the memory that a large cluster costs for a moment. Default 100. */
  readonly pageSize?: number;
  /** Wait before the second attempt; doubles up to 30 s. Default 500 ms. */
  readonly firstRetryMs?: number;
}

export type InformerEvent<S> =
  | { readonly kind: 'added'; readonly key: string; readonly item: S }
  | { readonly kind: 'modified'; readonly key: string; readonly item: S }
  | { readonly kind: 'deleted'; readonly key: string; readonly item: S };

interface ListAnswer<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[];
}

const defaultPageSize = 100;
const defaultFirstRetryMs = 500;
const maxRetryMs = 30_000;

/** The API server ends a watch after this long, at random so that watches do not come back all at once. Seconds. */
const watchSeconds = { min: 240, max: 480 };

/** A watch that the API server should have ended but did not is dead. */
const watchSlackMs = 30_000;

/** A watch, or a list's revision, that lasts no longer than this is a failure: it must not be tried in a tight loop. */
const minWatchMs = 1_000;

const listTimeoutMs = 60_000;

/**
 * A collection of the cluster, kept up to date: listed in pages, then watched with bookmarks; listed anew when the API server has
 * forgotten the revision (410); tried again with back-off when it cannot be reached. Only what `select` returns is kept, and only
 * changes of that are told.
 */
export class Informer<T extends KubeObject, S> {
  readonly #options: InformerOptions<T, S>;
  readonly #logger: Logger;
  readonly #items = new Map<string, S>();
  readonly #listeners = new Set<(event: InformerEvent<S>) => void>();
  readonly #stop = new AbortController();
  readonly #synced: Deferred<void> = deferred();
  #isSynced = false;
  #running: Promise<void> | undefined;

  constructor(options: InformerOptions<T, S>) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  /** By `namespace/name`, or the name of what has no namespace. */
  get items(): ReadonlyMap<string, S> {
    return this.#items;
  }

  /**
   * Resolves when the collection has been listed once.
   *
   * @throws KubeStatusError where the API server refuses the first list (401, 403) or has no such collection (404); the informer is
   * then stopped. Anything else is tried again.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const abort = () => this.#stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    this.#running ??= this.#run().finally(() => signal?.removeEventListener('abort', abort));
    await this.#synced.promise;
  }

  /** Events from now on; what is there already is in `items`. Returns the way to end it. */
  subscribe(listener: (event: InformerEvent<S>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    let listedAt = 0;
    while (!signal.aborted) {
      try {
        let version = await this.#list();
        this.#isSynced = true;
        this.#synced.resolve();
        failures = 0;
        listedAt = performance.now();
        while (!signal.aborted) version = await this.#watch(version);
      } catch (error) {
        if (signal.aborted) break;
        if (isExpired(error) && performance.now() - listedAt > minWatchMs) continue;
        if (!this.#isSynced && isRefused(error)) {
          this.#synced.reject(error);
          this.#stop.abort();
          return;
        }
        failures += 1;
        this.#logger.warn('Watching the cluster failed; trying again', { path: this.#options.path, attempt: failures, error });
        await this.#pause(failures);
      }
    }
    this.#synced.reject(signal.reason);
  }

  /** Lists every page and tells the differences to what was known. Returns the revision to watch from. */
  async #list(): Promise<string> {
    const gone = new Set(this.#items.keys());
    let token: string | undefined;
    let limit: number | undefined = this.#options.pageSize ?? defaultPageSize;
    for (;;) {
      const query: Record<string, string | number | undefined> = { ...this.#options.query, limit, continue: token };
      let page: ListAnswer<T>;
      try {
        page = await this.#options.client.request<ListAnswer<T>>({
          method: 'GET',
          path: this.#options.path,
          query,
          signal: this.#stop.signal,
          timeoutMs: listTimeoutMs,
        });
      } catch (error) {
        if (!isExpired(error) || limit === undefined) throw error;
        // The pages took longer than the API server keeps a revision: all at once is the only way left.
        token = undefined;
        limit = undefined;
        continue;
      }
      for (const object of page.items ?? []) {
        const key = keyOf(object);
        if (this.#apply(key, this.#options.select(object))) gone.delete(key);
      }
      token = page.metadata?.continue;
      if (token !== undefined && token !== '') continue;
      for (const key of gone) this.#apply(key, undefined);
      return page.metadata?.resourceVersion ?? '';
    }
  }

  /** Follows the collection until the API server ends the watch. Returns the revision that it reached. */
  async #watch(from: string): Promise<string> {
    const seconds = Math.round(watchSeconds.min + Math.random() * (watchSeconds.max - watchSeconds.min));
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(seconds * 1000 + watchSlackMs)]);
    const query = { ...this.#options.query, resourceVersion: from, allowWatchBookmarks: true, timeoutSeconds: seconds };
    const startedAt = performance.now();
    let version = from;
    for await (const event of this.#options.client.watch<T>(this.#options.path, query, signal)) {
      version = event.object.metadata?.resourceVersion ?? version;
      if (event.type === 'BOOKMARK') continue;
      const key = keyOf(event.object);
      this.#apply(key, event.type === 'DELETED' ? undefined : this.#options.select(event.object));
    }
    if (performance.now() - startedAt < minWatchMs) await this.#pause(1);
    return version;
  }

  /** Returns whether the object is kept. */
  #apply(key: string, item: S | undefined): boolean {
    const before = this.#items.get(key);
    if (item === undefined) {
      if (before === undefined) return false;
      this.#items.delete(key);
      this.#tell({ kind: 'deleted', key, item: before });
      return false;
    }
    if (before !== undefined && isSame(before, item)) return true;
    this.#items.set(key, item);
    this.#tell({ kind: before === undefined ? 'added' : 'modified', key, item });
    return true;
  }

  #tell(event: InformerEvent<S>): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #pause(attempt: number): Promise<void> {
    const first = this.#options.firstRetryMs ?? defaultFirstRetryMs;
    const delayMs = Math.min(maxRetryMs, first * 2 ** Math.min(attempt - 1, 10)) * (0.75 + Math.random() / 2);
    // Aborted is as good as over.
    await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

function keyOf(object: KubeObject): string {
  const { namespace, name = '' } = object.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isExpired(error: unknown): boolean {
  return error instanceof KubeStatusError && error.status === 410;
}

function isRefused(error: unknown): boolean {
  return error instanceof KubeStatusError && [401, 403, 404].includes(error.status);
}
