import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managedBy } from '#protocol/chart/kube-object.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { decodeRelease, encodeRelease, type HelmRelease } from './helm-release.ts';
import { requestError } from './request-error.ts';

/** Who works on a release that is pending, and until when at most: anything older was interrupted. */
export interface ReleaseLease {
  readonly holder: string;
  /** ISO 8601. */
  readonly until: string;
}

export interface ReleaseRecord {
  readonly release: HelmRelease;
  readonly lease: ReleaseLease | undefined;
}

const leaseHolder = 'telepresence.io/operator';
const leaseUntil = 'telepresence.io/operation-deadline';
const secretType = 'helm.sh/release.v1';

interface SecretObject {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/** The revisions of the release `traffic-manager` in one namespace, as Secrets in the form of Helm 3. */
export class ReleaseStore {
  readonly #client: KubeClient;
  readonly #namespace: string;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** Oldest first. A Secret that cannot be read is an error: it may be about objects that are there. */
  async list(signal: AbortSignal): Promise<readonly ReleaseRecord[]> {
    const list = await this.#request<{ readonly items: readonly SecretObject[] }>('list', 1, signal, {
      method: 'GET',
      path: this.#path(),
      query: { labelSelector: `owner=helm,name=${managerName}` },
    });
    return list.items.map((secret) => this.#read(secret)).toSorted((one, other) => one.release.version - other.release.version);
  }

  async create(release: HelmRelease, lease: ReleaseLease, signal: AbortSignal): Promise<void> {
    await this.#request('create', release.version, signal, {
      method: 'POST',
      path: this.#path(),
      body: this.#secret(release, lease),
    });
  }

  /** Replaces a revision; who had a lease on it gives it up. */
  async replace(release: HelmRelease, signal: AbortSignal): Promise<void> {
    const path = `${this.#path()}/${secretName(release.version)}`;
    await this.#request('update', release.version, signal, { method: 'PUT', path, body: this.#secret(release, undefined) });
  }

  async remove(version: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#request('delete', version, signal, { method: 'DELETE', path: `${this.#path()}/${secretName(version)}` });
    } catch (error) {
      if (error instanceof AppError && error.cause instanceof KubeStatusError && error.cause.status === 404) return;
      throw error;
    }
  }

  #path(): string {
    return `/api/v1/namespaces/${encodeURIComponent(this.#namespace)}/secrets`;
  }

  #read(secret: SecretObject): ReleaseRecord {
    const annotations = secret.metadata.annotations ?? {};
    const holder = annotations[leaseHolder];
    const until = annotations[leaseUntil];
    try {
      return {
        release: decodeRelease(secret.data?.['release'] ?? ''),
        lease: holder === undefined || until === undefined ? undefined : { holder, until },
      };
    } catch (error) {
      throw new AppError(
        {
          code: 'install.failed',
          message: `The record of the release in Secret ${this.#namespace}/${secret.metadata.name} cannot be read`,
          remedies: [{ label: 'Look at it with Helm', command: `helm history ${managerName} --namespace ${this.#namespace}` }],
        },
        error,
      );
    }
  }

  #secret(release: HelmRelease, lease: ReleaseLease | undefined): unknown {
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      type: secretType,
      metadata: {
        name: secretName(release.version),
        namespace: this.#namespace,
        labels: {
          owner: 'helm',
          name: managerName,
          status: release.info.status,
          version: String(release.version),
          'app.kubernetes.io/managed-by': managedBy,
        },
        ...(lease === undefined ? {} : { annotations: { [leaseHolder]: lease.holder, [leaseUntil]: lease.until } }),
      },
      data: { release: encodeRelease(release) },
    };
  }

  async #request<T>(
    verb: string,
    version: number,
    signal: AbortSignal,
    request: Omit<Parameters<KubeClient['request']>[0], 'signal'>,
  ): Promise<T> {
    try {
      return await this.#client.request<T>({ ...request, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName(version), namespace: this.#namespace } };
      throw await requestError(error, { client: this.#client, verbs: [verb], object });
    }
  }
}

function secretName(version: number): string {
  return `sh.helm.release.v1.${managerName}.v${version}`;
}
