import { isDeepStrictEqual } from 'node:util';
import { type WorkloadDetails, workloadKey } from '#protocol/local-api/model.ts';
import type { KeptPod, KeptService, KeptWorkload } from './workload-objects.ts';

export type DetailChange =
  | { readonly kind: 'changed'; readonly key: string; readonly details: WorkloadDetails }
  | { readonly kind: 'removed'; readonly key: string };

/**
 * Puts together what belongs to each workload of a namespace: its own object, its pods (those of a Deployment by way of its
 * ReplicaSets), and the Services that select them. Only what a change is about is put together again.
 */
export class DetailIndex {
  /** By `Kind/name`; ReplicaSets of Deployments are among them, and are not told. */
  readonly #workloads = new Map<string, KeptWorkload>();
  /** ReplicaSets of a Deployment. */
  readonly #owned = new Map<string, Set<string>>();
  readonly #services = new Map<string, KeptService>();
  readonly #pods = new Map<string, KeptPod>();
  readonly #podsByOwner = new Map<string, Set<string>>();
  readonly #told = new Map<string, { readonly key: string; readonly details: WorkloadDetails }>();
  readonly #dirty = new Set<string>();

  /** Without a value: it is gone. */
  setWorkload(id: string, workload: KeptWorkload | undefined): void {
    const before = this.#workloads.get(id);
    if (workload === undefined) this.#workloads.delete(id);
    else this.#workloads.set(id, workload);
    if (before?.owner !== undefined) this.#owned.get(before.owner)?.delete(id);
    if (workload?.owner !== undefined) this.#owned.set(workload.owner, (this.#owned.get(workload.owner) ?? new Set()).add(id));
    this.#mark(id);
    for (const owner of [before?.owner, workload?.owner]) if (owner !== undefined) this.#mark(owner);
  }

  setService(name: string, service: KeptService | undefined): void {
    const before = this.#services.get(name);
    if (service === undefined) this.#services.delete(name);
    else this.#services.set(name, service);
    for (const [id, { labels }] of this.#workloads) {
      if ([before, service].some((either) => either !== undefined && isSelected(either, labels))) this.#dirty.add(id);
    }
  }

  setPod(name: string, pod: KeptPod | undefined): void {
    const before = this.#pods.get(name);
    if (before?.owner !== undefined) {
      this.#podsByOwner.get(before.owner)?.delete(name);
      this.#mark(before.owner);
    }
    if (pod === undefined) {
      this.#pods.delete(name);
      return;
    }
    this.#pods.set(name, pod);
    if (pod.owner === undefined) return;
    const siblings = this.#podsByOwner.get(pod.owner) ?? new Set();
    this.#podsByOwner.set(pod.owner, siblings.add(name));
    this.#mark(pod.owner);
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0;
  }

  /** Details of every workload, by `workloadKey`, as they were told last. */
  snapshot(): Record<string, WorkloadDetails> {
    return Object.fromEntries([...this.#told.values()].map(({ key, details }) => [key, details]));
  }

  /** What has changed since the last time. */
  takeChanges(): readonly DetailChange[] {
    const changes: DetailChange[] = [];
    for (const id of this.#dirty) {
      const workload = this.#workloads.get(id);
      const before = this.#told.get(id);
      if (workload === undefined || workload.owner !== undefined) {
        if (before !== undefined) changes.push({ kind: 'removed', key: before.key });
        this.#told.delete(id);
        continue;
      }
      const key = workloadKey(workload);
      const details = this.#details(id, workload);
      if (isDeepStrictEqual(before?.details, details)) continue;
      this.#told.set(id, { key, details });
      changes.push({ kind: 'changed', key, details });
    }
    this.#dirty.clear();
    return changes;
  }

  /** Pods of a workload (`Kind/name`) that run, or are about to. */
  podsOf(id: string): readonly KeptPod[] {
    const owners = [id, ...(this.#owned.get(id) ?? [])];
    return owners.flatMap((owner) => [...(this.#podsByOwner.get(owner) ?? [])]).flatMap((name) => this.#pods.get(name) ?? []);
  }

  #details(id: string, { labels, desired, ready, createdAt, containers }: KeptWorkload): WorkloadDetails {
    const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
    return {
      desired,
      ready,
      createdAt,
      containers,
      services: [...this.#services.values()]
        .filter((service) => isSelected(service, labels))
        .map(({ shown }) => shown)
        .sort(byName),
      pods: this.podsOf(id)
        .map(({ shown }) => shown)
        .sort(byName),
    };
  }

  /** What is about a ReplicaSet of a Deployment is about the Deployment. */
  #mark(id: string): void {
    this.#dirty.add(id);
    const owner = this.#workloads.get(id)?.owner;
    if (owner !== undefined) this.#dirty.add(owner);
  }
}

function isSelected({ selector }: KeptService, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
