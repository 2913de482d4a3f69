import type { Logger } from '#base/common/log.ts';
import { Informer, type InformerEvent } from '#net/kube/informer.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { WorkloadEvent_Type } from '#protocol/cluster/generated/manager_pb.js';
import { Waiter } from '../watched-value.ts';
import { type WorkloadFacts, type WorkloadObject, type WorkloadResource, workloadFacts } from './workload-state.ts';

export interface WorkloadChange {
  readonly type: WorkloadEvent_Type;
  readonly workload: WorkloadFacts;
}

type Changes = Map<string, WorkloadChange>;

/** The workloads of one namespace, for any number of readers. */
export class NamespaceWorkloads {
  readonly #informers: readonly Informer<WorkloadObject, WorkloadFacts>[];
  readonly #namespace: string;
  readonly #logger: Logger;
  readonly #readers = new Set<(change: WorkloadChange) => void>();
  readonly #isHidden: (workload: WorkloadFacts) => boolean;
  #started: Promise<void> | undefined;

  constructor(
    kube: KubeClient,
    namespace: string,
    resources: readonly WorkloadResource[],
    logger: Logger,
    isHidden: (workload: WorkloadFacts) => boolean,
  ) {
    this.#namespace = namespace;
    this.#logger = logger;
    this.#isHidden = isHidden;
    this.#informers = resources.map(({ kind, group, resource }) => {
      const informer = new Informer<WorkloadObject, WorkloadFacts>({
        client: kube,
        path: `/apis/${group}/namespaces/${namespace}/${resource}`,
        select: (object) => workloadFacts(kind, object),
        logger,
      });
      informer.subscribe((event) => this.#tell(event));
      return informer;
    });
  }

  /** First everything there is, even if that is nothing; then what changed since the reader's last turn, one change for each workload. */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly WorkloadChange[]> {
    this.#started ??= this.#start();
    await this.#started;
    let changes: Changes = new Map();
    const waiter = new Waiter(signal);
    const take = (change: WorkloadChange) => {
      addChange(changes, change);
      waiter.wake();
    };
    this.#readers.add(take);
    try {
      yield this.#snapshot();
      while (!signal.aborted) {
        if (changes.size === 0) {
          await waiter.wait();
          continue;
        }
        const told = [...changes.values()];
        changes = new Map();
        yield told;
      }
    } finally {
      this.#readers.delete(take);
      waiter.close();
    }
  }

  /** Something that is not in the objects has changed: its readers get to see it again. */
  touch(name: string): void {
    for (const informer of this.#informers) {
      const item = informer.items.get(`${this.#namespace}/${name}`);
      if (item !== undefined) this.#tell({ kind: 'modified', key: name, item });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  async #start(): Promise<void> {
    await Promise.all(
      this.#informers.map(async (informer) => {
        try {
          await informer.start();
        } catch (error) {
          if (!(error instanceof KubeStatusError)) throw error;
          this.#logger.warn('A kind of workload cannot be read', { reason: error.message });
        }
      }),
    );
  }

  #snapshot(): readonly WorkloadChange[] {
    return this.#informers.flatMap((informer) =>
      [...informer.items.values()]
        .filter((workload) => !this.#isHidden(workload))
        .map((workload) => ({ type: WorkloadEvent_Type.ADDED_UNSPECIFIED, workload })),
    );
  }

  #tell(event: InformerEvent<WorkloadFacts>): void {
    if (this.#isHidden(event.item)) return;
    const change = { type: eventTypes[event.kind], workload: event.item };
    for (const take of this.#readers) take(change);
  }
}

const eventTypes = {
  added: WorkloadEvent_Type.ADDED_UNSPECIFIED,
  modified: WorkloadEvent_Type.MODIFIED,
  deleted: WorkloadEvent_Type.DELETED,
} as const;

/** Keeps one change for each workload, which is as good as the sequence: a reader that never heard of it gets to hear of nothing. */
export function addChange(changes: Changes, change: WorkloadChange): void {
  const { kind, name } = change.workload;
  const key = `${kind} ${name}`;
  const before = changes.get(key)?.type;
  changes.delete(key);
  if (before === WorkloadEvent_Type.ADDED_UNSPECIFIED) {
    if (change.type === WorkloadEvent_Type.DELETED) return;
    changes.set(key, { ...change, type: WorkloadEvent_Type.ADDED_UNSPECIFIED });
  } else if (before === WorkloadEvent_Type.DELETED && change.type !== WorkloadEvent_Type.DELETED) {
    changes.set(key, { ...change, type: WorkloadEvent_Type.MODIFIED });
  } else {
    changes.set(key, change);
  }
}
