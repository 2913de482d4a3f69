import { useEffect } from 'react';
import { useSubscription } from '../api/use-subscription.ts';
import { isLive, useOf } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { mirrorWorkloads, useWorkloads } from '../stores/workloads.ts';

/** Keeps the workloads of the current connection in their store: pages, the wizard and the palette all show them. */
export function WorkloadSubscription() {
  const connection = useCurrentConnection();
  const name = isLive(connection) ? connection?.name : undefined;
  const input = name === undefined ? undefined : { use: useOf({ name }) };
  const attempt = useWorkloads((state) => state.attempt);

  useEffect(() => mirrorWorkloads.start(name), [name]);
  const workloads = useSubscription('watchWorkloads', input, (event) => mirrorWorkloads.change({ kind: 'workloads', event }));
  // Details are an addition: where they cannot be had, a health condition says so, and the list stands without them.
  useSubscription('watchWorkloadDetails', input, (event) => mirrorWorkloads.change({ kind: 'details', event }));
  const { error, retry } = workloads;
  useEffect(() => mirrorWorkloads.fail(error), [error]);
  useEffect(() => {
    if (attempt > 0) retry();
  }, [attempt]);
  return null;
}
