import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managedBy, managerSelector, releaseAnnotation, releaseId } from '#protocol/chart/kube-object.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { requestError } from './request-error.ts';

interface NamespaceObject {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly verbs: readonly string[]; readonly namespaced: boolean }[];
}

interface ObjectList {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

/** Kinds that say nothing about whether a namespace is in use: they come and go, or mirror others. */
const bystanders = ['events', 'endpoints', 'endpointslices', 'leases'];

const pollMs = 300;

/** Kubernetes takes 5 to 10 s to delete an empty namespace. */
const deletionTimeoutMs = 30_000;

/** What Kubernetes puts into every namespace. */
const furniture = ['configmaps kube-root-ca.crt', 'serviceaccounts default'];

/**
 * The namespace of a release. One that was created for it carries the release's annotation, and goes with the release when nothing else
 * is in it.
 */
export class ReleaseNamespace {
  readonly #client: KubeClient;
  readonly #name: string;

  constructor(client: KubeClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /**
   * Whether it is there. One that is being deleted, as after a removal a moment ago, is waited for. Who may not look is believed to know
   * that it is there.
   */
  async exists(signal: AbortSignal): Promise<boolean> {
    const deadlineAt = performance.now() + deletionTimeoutMs;
    do {
      try {
        const found = await this.#client.find<NamespaceObject>(this.#path(), signal);
        if (found?.metadata.deletionTimestamp === undefined) return found !== undefined;
      } catch (error) {
        if (error instanceof KubeStatusError && error.status === 403) return true;
        throw signal.aborted ? error : await this.#error(error, 'get');
      }
      await delay(pollMs, undefined, { signal });
    } while (performance.now() < deadlineAt);
    throw new AppError({
      code: 'install.failed',
      message: `The namespace "${this.#name}" is being deleted`,
      remedies: [{ label: 'Try again when it is gone' }],
    });
  }

  async create(signal: AbortSignal): Promise<void> {
    const metadata = {
      name: this.#name,
      labels: { 'app.kubernetes.io/managed-by': managedBy },
      annotations: { [releaseAnnotation]: releaseId({ namespace: this.#name }) },
    };
    try {
      await this.#client.request({
        method: 'POST',
        path: '/api/v1/namespaces',
        body: { apiVersion: 'v1', kind: 'Namespace', metadata },
        signal,
      });
    } catch (error) {
      if (error instanceof KubeStatusError && error.status === 409) return;
      throw signal.aborted ? error : await this.#error(error, 'create');
    }
  }

  /**
   * Waits until no pod of the traffic-manager is left, nor what makes pods, but not longer than they are given to end. Who may not look
   * does not wait.
   */
  async waitUntilPodsAreGone(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const deadlineAt = performance.now() + timeoutMs;
    const labelSelector = Object.entries(managerSelector)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    while (performance.now() < deadlineAt) {
      const paths = [`${this.#path()}/pods`, `/apis/apps/v1/namespaces/${encodeURIComponent(this.#name)}/replicasets`];
      const lists = await Promise.all(
        paths.map(
          async (path) => await this.#client.request<ObjectList>({ method: 'GET', path, query: { labelSelector }, signal }),
        ),
      ).catch((error: unknown) => {
        if (error instanceof KubeStatusError && error.status === 403) return [];
        throw error;
      });
      if (lists.every(({ items }) => items.length === 0)) return;
      await delay(pollMs, undefined, { signal });
    }
  }

  /** Removes the namespace where it was created for the release and holds nothing any more. Without the rights to find out, it stays. */
  async removeIfOwnAndEmpty(signal: AbortSignal): Promise<boolean> {
    try {
      const found = await this.#client.find<NamespaceObject>(this.#path(), signal);
      if (found?.metadata.annotations?.[releaseAnnotation] !== releaseId({ namespace: this.#name })) return false;
      if (!(await this.#isEmpty(signal))) return false;
      await this.#client.request({
        method: 'DELETE',
        path: this.#path(),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: found.metadata.uid } },
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof KubeStatusError) return false;
      throw error;
    }
  }

  async #isEmpty(signal: AbortSignal): Promise<boolean> {
    const { groups } = await this.#client.request<{ groups: { preferredVersion: { groupVersion: string } }[] }>({
      method: 'GET',
      path: '/apis',
      signal,
    });
    for (const base of ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)]) {
      const { resources } = await this.#client.request<ResourceList>({ method: 'GET', path: base, signal });
      for (const { name, verbs, namespaced } of resources) {
        if (!namespaced || !verbs.includes('list') || name.includes('/') || bystanders.includes(name)) continue;
        const path = `${base}/namespaces/${encodeURIComponent(this.#name)}/${name}`;
        const { items } = await this.#client.request<ObjectList>({ method: 'GET', path, query: { limit: 3 }, signal });
        if (items.some(({ metadata }) => !furniture.includes(`${name} ${metadata.name}`))) return false;
      }
    }
    return true;
  }

  #path(): string {
    return `/api/v1/namespaces/${encodeURIComponent(this.#name)}`;
  }

  async #error(error: unknown, verb: string): Promise<AppError> {
    return await requestError(error, {
      client: this.#client,
      verbs: [verb],
      object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#name } },
    });
  }
}
