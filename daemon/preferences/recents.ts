import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type Connection, type ConnectRequest, type RecentConnection, recentConnection } from '#protocol/local-api/model.ts';
import type { StateStore } from '../state/state-store.ts';

const fileSchema = z.record(z.string(), z.unknown());

/** As many as anybody looks through; pinned ones are kept beside. */
const maxUnpinned = 20;

/** Connections that were made, to be offered again. The latest use of the same context and namespace counts. */
export class RecentConnections {
  readonly #file: string;
  readonly #state: StateStore;
  readonly #logger: Logger;

  constructor(file: string, state: StateStore, logger: Logger) {
    this.#file = file;
    this.#state = state;
    this.#logger = logger;
  }

  restore(): void {
    for (const [id, recent] of Object.entries(this.#read())) this.#put(id, recent);
  }

  /** Never throws: a connection does not fail because it cannot be remembered. */
  record(asked: ConnectRequest, { context, namespace, server }: Connection): void {
    const request = withoutSecrets(asked);
    const id = createHash('sha256')
      .update(JSON.stringify([request.kubeFlags.kubeconfig ?? request.kubeconfigEnv ?? '', context, namespace]))
      .digest('hex')
      .slice(0, 16);
    const pinned = this.#state.state.recents[id]?.pinned ?? false;
    this.#put(id, { request, context, namespace, server, lastUsed: new Date().toISOString(), pinned });
    try {
      this.#prune();
      this.#write();
    } catch (error) {
      this.#logger.warn('A connection could not be remembered', { error });
    }
  }

  /** @throws AppError `not-found` */
  change(id: string, action: 'pin' | 'unpin' | 'forget'): void {
    const recent = this.#state.state.recents[id];
    if (recent === undefined) {
      throw new AppError({ code: 'not-found', message: 'This connection is not among the recent ones any more' });
    }
    if (action === 'forget') this.#state.remove('recents', id);
    else this.#put(id, { ...recent, pinned: action === 'pin' });
    this.#prune();
    this.#write();
  }

  #put(id: string, recent: RecentConnection): void {
    this.#state.put('recents', id, recent);
  }

  #prune(): void {
    const unpinned = Object.entries(this.#state.state.recents)
      .filter(([, { pinned }]) => !pinned)
      .sort(([, a], [, b]) => (a.lastUsed < b.lastUsed ? 1 : -1));
    for (const [id] of unpinned.slice(maxUnpinned)) this.#state.remove('recents', id);
  }

  #write(): void {
    replaceFile(this.#file, JSON.stringify(this.#state.state.recents));
  }

  /** Each for itself: one that another version wrote does not spoil the others. */
  #read(): Record<string, RecentConnection> {
    try {
      const found = z.parse(fileSchema, JSON.parse(readIfThere(this.#file) ?? '{}'));
      const good = Object.entries(found).flatMap(([id, value]) => {
        const parsed = recentConnection.safeParse(value);
        return parsed.success ? [[id, parsed.data] as const] : [];
      });
      return Object.fromEntries(good);
    } catch (error) {
      this.#logger.warn('The file of recent connections is of no use', { file: this.#file, error });
      return {};
    }
  }
}

/** A token given as a flag is for that one time, and clients mirror the list. */
function withoutSecrets(request: ConnectRequest): ConnectRequest {
  const { token: _token, ...kubeFlags } = request.kubeFlags;
  return { ...request, kubeFlags };
}
