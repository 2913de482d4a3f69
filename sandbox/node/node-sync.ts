import { resources } from '../store/resources.ts';
import { eventRecorder } from './events.ts';
import type { PodName } from './node-api.ts';
import type { NodeContext } from './pod-host.ts';
import { mergeConditions } from './pod-status.ts';
import type { Pod } from './pod-types.ts';
import type { MeasuredPod } from './pod-usage.ts';
import { type PodWorker, startPodWorker } from './pod-worker.ts';

export interface NodeSync {
  find(pod: PodName): PodWorker | undefined;
  killAll(): void;
  measured(): readonly MeasuredPod[];
  /** Ends all pods at once. */
  stop(): Promise<void>;
}

/** Runs what pods there are: gives them to the node, starts those that come, and ends those that go. */
export function startNodeSync(node: NodeContext, nodeName: string): NodeSync {
  const { store } = node;
  const workers = new Map<string, PodWorker>();
  const schedulerEvent = eventRecorder(store, 'default-scheduler');
  const background = new Set<Promise<void>>();

  function supervise(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => node.log.error('A pod could not be ended', { error }))
      .finally(() => background.delete(done));
    background.add(done);
  }

  function schedule(pod: Pod): void {
    const { namespace = '', name } = pod.metadata;
    store.patch<Pod>(resources.pods, namespace, name, (current) => ({
      ...current,
      spec: { ...current.spec, nodeName },
      status: {
        ...current.status,
        conditions: mergeConditions(current.status?.conditions ?? [], [
          { type: 'PodScheduled', status: 'True', lastProbeTime: null },
        ]),
      },
    }));
    schedulerEvent(pod, {
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${nodeName}`,
    });
  }

  async function end(worker: PodWorker | undefined, pod: Pod): Promise<void> {
    const { namespace, name, uid, deletionGracePeriodSeconds = 30 } = pod.metadata;
    await worker?.end(deletionGracePeriodSeconds * 1000);
    workers.delete(uid);
    if (store.get(resources.pods, namespace, name)?.metadata.uid === uid) {
      store.remove(resources.pods, namespace, name, { gracePeriodSeconds: 0 });
    }
  }

  function changed(pod: Pod): void {
    const { uid, deletionTimestamp } = pod.metadata;
    const worker = workers.get(uid);
    if (deletionTimestamp !== undefined) {
      supervise(end(worker, pod));
    } else if (pod.spec.nodeName === undefined) {
      // It may have gone or been given to the node since.
      if (store.getByUid(uid) === pod) schedule(pod);
    } else if (worker === undefined && pod.spec.nodeName === nodeName && !isOver(pod)) {
      workers.set(uid, startPodWorker(node, pod));
    }
  }

  async function gone(pod: Pod): Promise<void> {
    await workers.get(pod.metadata.uid)?.end(0);
    workers.delete(pod.metadata.uid);
  }

  const endWatch = store.watch<Pod>(resources.pods, { hasInitialEvents: true }, ({ type, object }) => {
    if (type === 'DELETED') supervise(gone(object));
    else changed(object);
  });
  const endFaults = node.faults.onChange(() => {
    for (const worker of workers.values()) worker.refresh();
  });
  return {
    find: ({ namespace, name }) => workers.get(store.get(resources.pods, namespace, name)?.metadata.uid ?? ''),
    killAll: () => {
      for (const worker of workers.values()) supervise(worker.kill());
    },
    measured: () =>
      [...workers.values()].flatMap((worker) => {
        const pod = store.getByUid(worker.uid)?.metadata;
        if (pod === undefined) return [];
        return [{ pod: { namespace: pod.namespace ?? '', name: pod.name, uid: worker.uid }, process: worker.someProcess() }];
      }),
    stop: async () => {
      endWatch();
      endFaults();
      await Promise.all([...workers.values()].map(async (worker) => await worker.end(0)));
      await Promise.all(background);
    },
  };
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
