import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { type KubeObject, releaseAnnotation, releaseId } from '#protocol/chart/kube-object.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ObjectReference, objectName, objectPath } from './object-path.ts';
import { requestError } from './request-error.ts';

/** Owner of the fields that this product sets, in the words of server-side apply. */
const fieldManager = 'telepresence';

interface FoundObject {
  readonly metadata: {
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** The objects of one release in the cluster: applies and removes its own, and leaves all others alone. */
export class ReleaseObjects {
  readonly #client: KubeClient;
  readonly #release: string;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#release = releaseId({ namespace });
  }

  /** @throws AppError `install.conflict` where an object of that name is somebody else's. */
  async refuseForeign(objects: readonly ObjectReference[], signal: AbortSignal): Promise<void> {
    for (const object of objects) {
      const found = await this.#find(object, ['create', 'patch', 'get'], signal);
      if (found === undefined || this.#isOwn(found)) continue;
      const { labels, annotations } = found.metadata;
      const owner =
        annotations?.['meta.helm.sh/release-name'] ??
        annotations?.[releaseAnnotation] ??
        labels?.['app.kubernetes.io/managed-by'];
      throw new AppError({
        code: 'install.conflict',
        message: `${objectName(object)} exists already and does not belong to this release`,
        reason: owner === undefined ? 'Nothing on it says who made it' : `It belongs to "${owner}"`,
        remedies: [
          { label: 'Remove it, or install in another namespace', command: 'telepresence helm install --manager-namespace NAME' },
        ],
      });
    }
  }

  /** Creates or changes an object. Fields that others have set on it are taken back. */
  async apply(object: KubeObject, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.request({
        method: 'PATCH',
        path: objectPath(object),
        query: { fieldManager, force: true },
        contentType: 'application/apply-patch+yaml',
        body: object,
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw await requestError(error, { client: this.#client, verbs: ['patch', 'create'], object });
    }
  }

  /** Removes an object with what it owns; `false` where it is gone already, or is somebody else's. */
  async remove(object: ObjectReference, signal: AbortSignal): Promise<boolean> {
    const found = await this.#find(object, ['delete', 'get'], signal);
    if (found === undefined || !this.#isOwn(found)) return false;
    try {
      await this.#client.request({
        method: 'DELETE',
        path: objectPath(object),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          preconditions: { uid: found.metadata.uid },
        },
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof KubeStatusError && (error.status === 404 || error.status === 409)) return false;
      if (signal.aborted) throw error;
      throw await requestError(error, { client: this.#client, verbs: ['delete'], object });
    }
  }

  /** Own objects among the given ones. */
  async existing(objects: readonly ObjectReference[], signal: AbortSignal): Promise<readonly ObjectReference[]> {
    const found = await Promise.all(
      objects.map(async (object) => ({ object, found: await this.#find(object, ['get'], signal) })),
    );
    return found.filter((entry) => entry.found !== undefined && this.#isOwn(entry.found)).map(({ object }) => object);
  }

  #isOwn({ metadata }: FoundObject): boolean {
    return metadata.annotations?.[releaseAnnotation] === this.#release;
  }

  /** @param verbs rights for what is to be done with it: without these there is no point in looking. */
  async #find(
    object: ObjectReference,
    verbs: readonly [string, ...string[]],
    signal: AbortSignal,
  ): Promise<FoundObject | undefined> {
    try {
      return await this.#client.find<FoundObject>(objectPath(object), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw await requestError(error, { client: this.#client, verbs, object });
    }
  }
}
