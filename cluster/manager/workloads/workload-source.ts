import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import type { WorkloadInfo_Kind } from '#protocol/cluster/generated/manager_pb.js';
import type { WorkloadKindName } from '../environment.ts';
import { NamespaceWorkloads, type WorkloadChange } from './namespace-workloads.ts';
import { type WorkloadFacts, workloadResources } from './workload-state.ts';

export interface WorkloadSourceOptions {
  readonly kube: KubeClient;
  readonly logger: Logger;
  readonly managerNamespace: string;
  readonly kinds: readonly WorkloadKindName[];
  /** How long a namespace is followed after its last reader left. Default 1 min. */
  readonly lingerMs?: number;
}

interface Entry {
  readonly workloads: NamespaceWorkloads;
  readers: number;
  linger: NodeJS.Timeout | undefined;
}

const defaultLingerMs = 60_000;

/** The traffic-manager's own Deployment, which nobody may intercept. */
const managerName = 'traffic-manager';

/** The workloads of the namespaces that somebody looks at: nothing is watched for nobody. */
export class WorkloadSource {
  readonly #options: WorkloadSourceOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: WorkloadSourceOptions) {
    this.#options = options;
  }

  get kinds(): WorkloadInfo_Kind[] {
    return this.#options.kinds.map((name) => workloadResources[name].kind);
  }

  async *watch(namespace: string, signal: AbortSignal): AsyncGenerator<readonly WorkloadChange[]> {
    const entry = this.#enter(namespace);
    try {
      yield* entry.workloads.watch(signal);
    } finally {
      this.#leave(namespace, entry);
    }
  }

  /** What there is now. */
  async list(namespace: string, signal: AbortSignal): Promise<readonly WorkloadFacts[]> {
    for await (const changes of this.watch(namespace, signal)) return changes.map(({ workload }) => workload);
    return [];
  }

  /** Whether a workload has an agent, or who intercepts it, has changed. */
  touch(namespace: string, name: string): void {
    this.#entries.get(namespace)?.workloads.touch(name);
  }

  async stop(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(
      entries.map(async (entry) => {
        clearTimeout(entry.linger);
        await entry.workloads.stop();
      }),
    );
  }

  #enter(namespace: string): Entry {
    const { kube, logger, managerNamespace, kinds } = this.#options;
    let entry = this.#entries.get(namespace);
    if (entry === undefined) {
      const isManager = (workload: { readonly name: string }) => namespace === managerNamespace && workload.name === managerName;
      const resources = kinds.map((name) => workloadResources[name]);
      entry = { workloads: new NamespaceWorkloads(kube, namespace, resources, logger, isManager), readers: 0, linger: undefined };
      this.#entries.set(namespace, entry);
    }
    clearTimeout(entry.linger);
    entry.readers += 1;
    return entry;
  }

  #leave(namespace: string, entry: Entry): void {
    entry.readers -= 1;
    if (entry.readers > 0 || this.#entries.get(namespace) !== entry) return;
    entry.linger = setTimeout(() => {
      this.#entries.delete(namespace);
      entry.workloads.stop().catch((error: unknown) => this.#options.logger.warn('Watches did not end', { namespace, error }));
    }, this.#options.lingerMs ?? defaultLingerMs);
    entry.linger.unref();
  }
}
