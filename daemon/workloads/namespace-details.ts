import type { Logger } from '#base/common/log.ts';
import { Informer, type InformerEvent } from '#net/kube/informer.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import { type DetailChange, DetailIndex } from './detail-index.ts';
import {
  type KeptPod,
  keptPod,
  keptService,
  keptWorkload,
  type PodObject,
  type ServiceObject,
  type WorkloadObject,
} from './workload-objects.ts';

/** Changes are gathered for so long: ten times a second is as fast as anybody reads. */
const gatherMs = 100;

export interface DetailListener {
  snapshot(details: Record<string, WorkloadDetails>): void;
  changed(changes: readonly DetailChange[]): void;
}

/** What the API server tells of one namespace to this user, for as long as somebody listens. */
export class NamespaceDetails {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #logger: Logger;
  readonly #index = new DetailIndex();
  readonly #listeners = new Set<DetailListener>();
  readonly #stop = new AbortController();
  readonly #forbidden: string[] = [];
  #started: Promise<void> | undefined;
  #isReady = false;
  #gathering: NodeJS.Timeout | undefined;

  /** The client is this one's from then on. */
  constructor(client: KubeClient, namespace: string, logger: Logger) {
    this.#client = client;
    this.#namespace = namespace;
    this.#logger = logger;
  }

  /** Kinds that this user may not look at. */
  get forbidden(): readonly string[] {
    return this.#forbidden;
  }

  /** Resolves when everything that may be read has been read once. */
  async start(): Promise<void> {
    this.#started ??= this.#start();
    await this.#started;
  }

  /** The snapshot comes at once, if it is there. Returns the way to end it. */
  subscribe(listener: DetailListener): () => void {
    if (this.#isReady) {
      this.#tell();
      listener.snapshot(this.#index.snapshot());
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Pods of a workload, `Kind/name`. */
  podsOf(workload: string): readonly KeptPod[] {
    return this.#index.podsOf(workload);
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#gathering);
    this.#client.close();
  }

  async #start(): Promise<void> {
    const core = `/api/v1/namespaces/${encodeURIComponent(this.#namespace)}`;
    const apps = `/apis/apps/v1/namespaces/${encodeURIComponent(this.#namespace)}`;
    const argo = `/apis/argoproj.io/v1alpha1/namespaces/${encodeURIComponent(this.#namespace)}`;
    const follow = async <T extends object, S>(
      what: string,
      path: string,
      select: (object: T) => S | undefined,
      set: (name: string, item: S | undefined) => void,
    ) => {
      const informer = new Informer<T, S>({ client: this.#client, path, select, logger: this.#logger });
      informer.subscribe((event: InformerEvent<S>) => {
        set(nameOf(event.key), event.kind === 'deleted' ? undefined : event.item);
        this.#gather();
      });
      try {
        await informer.start(this.#stop.signal);
      } catch (error) {
        if (this.#stop.signal.aborted) throw error;
        if (!(error instanceof KubeStatusError)) throw error;
        // A kind that the cluster does not have is none that is missed.
        if (error.status !== 404) this.#forbidden.push(what);
      }
    };
    const workloads = async (kind: 'Deployment' | 'StatefulSet' | 'ReplicaSet' | 'Rollout', path: string) =>
      await follow<WorkloadObject, ReturnType<ReturnType<typeof keptWorkload>>>(
        `${kind.toLowerCase()}s`,
        `${path}/${kind.toLowerCase()}s`,
        keptWorkload(kind),
        (name, item) => this.#index.setWorkload(`${kind}/${name}`, item),
      );
    await Promise.all([
      workloads('Deployment', apps),
      workloads('StatefulSet', apps),
      workloads('ReplicaSet', apps),
      workloads('Rollout', argo),
      follow<ServiceObject, NonNullable<ReturnType<typeof keptService>>>(
        'services',
        `${core}/services`,
        keptService,
        (name, item) => this.#index.setService(name, item),
      ),
      follow<PodObject, KeptPod>('pods', `${core}/pods`, keptPod, (name, item) => this.#index.setPod(name, item)),
    ]);
    this.#index.takeChanges();
    this.#isReady = true;
    for (const listener of this.#listeners) listener.snapshot(this.#index.snapshot());
  }

  #gather(): void {
    if (!this.#isReady) return;
    this.#gathering ??= setTimeout(() => this.#tell(), gatherMs).unref();
  }

  #tell(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const changes = this.#index.takeChanges();
    if (changes.length > 0) for (const listener of this.#listeners) listener.changed(changes);
  }
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
