import type { Logger } from '#base/common/log.ts';
import type { KubeObject } from '../store/objects.ts';
import type { Resource } from '../store/resources.ts';
import { keyOf, type ObjectStore } from '../store/store.ts';

/** What a controller does: it is told which of its objects may not be as they should, and makes them so. */
export interface Reconciler {
  readonly name: string;
  /** What it watches, and which of its objects an event concerns: keys `namespace/name`. */
  readonly watches: readonly ReconcilerWatch[];
  /** Reads what is and writes what should be. Runs for one object at a time, and again where it throws. */
  reconcile(namespace: string, name: string): Promise<void> | void;
}

export interface ReconcilerWatch {
  readonly resource: Resource;
  keys(object: KubeObject): readonly string[];
}

const firstRetryMs = 50;
const maxRetryMs = 5_000;

/** Keys for controllers of an object's own kind. */
export function ownKey({ metadata }: KubeObject): readonly string[] {
  return [keyOf(metadata.namespace, metadata.name)];
}

/** Keys for controllers of what owns the object. */
export function ownerKey(kind: string): (object: KubeObject) => readonly string[] {
  return ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter((owner) => owner.controller === true && owner.kind === kind)
      .map((owner) => keyOf(metadata.namespace, owner.name));
}

/** Starts a controller. The function that is returned stops it. */
export function startReconciler(store: ObjectStore, log: Logger, { name, watches, reconcile }: Reconciler): () => void {
  const due = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  let isRunning = false;
  let isStopped = false;

  function add(key: string): void {
    if (isStopped) return;
    due.add(key);
    if (isRunning) return;
    isRunning = true;
    // After everything else that the same change brought about.
    setImmediate(() => void drain());
  }

  async function drain(): Promise<void> {
    for (const key of due) {
      if (isStopped) break;
      due.delete(key);
      await attempt(key);
    }
    isRunning = false;
    if (due.size > 0) add(due.values().next().value ?? '');
  }

  async function attempt(key: string): Promise<void> {
    const [namespace = '', objectName = ''] = key.split('/');
    try {
      await reconcile(namespace, objectName);
      failures.delete(key);
    } catch (error) {
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      log.debug('A controller tries again', { controller: name, key, error });
      const timer = setTimeout(
        () => {
          timers.delete(timer);
          add(key);
        },
        Math.min(firstRetryMs * 2 ** failed, maxRetryMs),
      );
      timers.add(timer);
    }
  }

  const ends = watches.map(({ resource, keys }) =>
    store.watch(resource, { hasInitialEvents: true }, ({ object }) => {
      for (const key of keys(object)) add(key);
    }),
  );
  return () => {
    isStopped = true;
    for (const end of ends) end();
    for (const timer of timers) clearTimeout(timer);
  };
}
