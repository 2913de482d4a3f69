import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base/common/log.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';

interface NamespaceObject {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
}

interface NamespaceList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly NamespaceObject[];
}

const path = '/api/v1/namespaces';
const retryMs = 5_000;

/**
 * The namespaces whose names count as the first part of a cluster name: those that were mapped, or all that the user can see, live. Who
 * may see none still has the connected one.
 */
export class Namespaces {
  readonly #fixed: ReadonlySet<string> | undefined;
  readonly #connected: string;
  #known: ReadonlySet<string>;

  constructor(connected: string, mapped: readonly string[]) {
    this.#connected = connected;
    this.#fixed = mapped.length === 0 ? undefined : new Set([...mapped, connected]);
    this.#known = this.#fixed ?? new Set([connected]);
  }

  names(): ReadonlySet<string> {
    return this.#known;
  }

  /** Lists and follows until the signal aborts; returns at once where the names are fixed or may not be seen. */
  async follow(openCluster: () => KubeClient, logger: Logger, onChanged: () => void, signal: AbortSignal): Promise<void> {
    if (this.#fixed !== undefined) return;
    while (!signal.aborted) {
      try {
        await this.#listAndWatch(openCluster(), onChanged, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubeStatusError && error.status === 403) {
          logger.info('Namespaces may not be listed: only the connected one is known by name');
          return;
        }
        logger.debug('The watch of namespaces ended', { error });
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #listAndWatch(kube: KubeClient, onChanged: () => void, signal: AbortSignal): Promise<void> {
    try {
      const list = await kube.request<NamespaceList>({ method: 'GET', path, signal });
      const names = new Set(list.items.map(({ metadata }) => metadata.name));
      const publish = () => {
        this.#known = new Set([...names, this.#connected]);
        onChanged();
      };
      publish();
      const query = { resourceVersion: list.metadata.resourceVersion, allowWatchBookmarks: true };
      for await (const { type, object } of kube.watch<NamespaceObject>(path, query, signal)) {
        const { name } = object.metadata;
        if (type === 'DELETED') names.delete(name);
        else if (type === 'ADDED' && !names.has(name)) names.add(name);
        else continue;
        publish();
      }
    } finally {
      kube.close();
    }
  }
}
