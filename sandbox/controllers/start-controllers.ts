import type { Logger } from '#base/common/log.ts';
import { eventRecorder } from '../node/events.ts';
import type { ObjectStore } from '../store/store.ts';
import { deploymentController } from './deployment.ts';
import { disruptionController } from './disruption-budgets.ts';
import { endpointsController } from './endpoints.ts';
import { namespaceController } from './namespaces.ts';
import { startReconciler } from './reconciler.ts';
import { replicaSetController } from './replica-set.ts';
import { statefulSetController } from './stateful-set.ts';

/** Starts everything that makes the cluster's objects come true. The function that is returned stops it. */
export function startControllers(store: ObjectStore, log: Logger, caCertificate: string): () => void {
  const stops = [
    namespaceController(store, caCertificate),
    deploymentController(store, eventRecorder(store, 'deployment-controller')),
    replicaSetController(store, eventRecorder(store, 'replicaset-controller')),
    statefulSetController(store, eventRecorder(store, 'statefulset-controller')),
    endpointsController(store),
    disruptionController(store),
  ].map((controller) => startReconciler(store, log, controller));
  return () => {
    for (const stop of stops) stop();
  };
}
