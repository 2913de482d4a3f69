import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { NamespaceDetails } from './namespace-details.ts';

interface Entry {
  readonly details: NamespaceDetails;
  users: number;
  /** Between the last listener and the end. */
  ending: NodeJS.Timeout | undefined;
}

/** A window that is reloaded, or a plan after a list, finds what was there. */
const lingerMs = 10_000;

/** One watch of each namespace, however many windows look at it. */
export class SharedDetails {
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Runs work with the details of a namespace, which have been read once by then. `key` tells clusters and users apart. */
  async use<T>(
    key: string,
    namespace: string,
    openClient: () => Promise<KubeClient>,
    work: (details: NamespaceDetails) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const id = JSON.stringify([key, namespace]);
    const client = this.#entries.has(id) ? undefined : await openClient();
    const entry = this.#enter(id, namespace, client);
    try {
      const started = entry.details.start();
      started.catch(() => this.#drop(id, entry));
      await untilAborted(started, signal);
      return await work(entry.details);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) entry.ending = setTimeout(() => this.#drop(id, entry), lingerMs).unref();
    }
  }

  stop(): void {
    for (const [id, entry] of this.#entries) this.#drop(id, entry);
  }

  #enter(id: string, namespace: string, client: KubeClient | undefined): Entry {
    const found = this.#entries.get(id);
    if (found !== undefined) {
      client?.close();
      clearTimeout(found.ending);
      found.users += 1;
      return found;
    }
    if (client === undefined) throw new Error('The details ended while they were asked for');
    const entry: Entry = { details: new NamespaceDetails(client, namespace, this.#logger), users: 1, ending: undefined };
    this.#entries.set(id, entry);
    return entry;
  }

  #drop(id: string, entry: Entry): void {
    clearTimeout(entry.ending);
    entry.details.stop();
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }
}
