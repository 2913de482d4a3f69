import { useEffect } from 'react';
import { useSubscription } from '../api/use-subscription.ts';
import { exactly, isLive } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { mirrorWorkloads } from '../stores/workloads.ts';

/** Keeps the workloads of the current connection in their store: pages, the wizard and the palette all show them. */
export function WorkloadSubscription() {
  const connection = useCurrentConnection();
  const name = isLive(connection) ? connection?.name : undefined;
  const input = name === undefined ? undefined : { use: exactly({ name }) };

  useEffect(() => mirrorWorkloads.start(name), [name]);
  const { error, retry } = useSubscription('watchWorkloads', input, (event) =>
    mirrorWorkloads.change({ kind: 'workloads', event }),
  );
  // Details are an addition: where they cannot be had, a health condition says so, and the list stands without them.
  useSubscription('watchWorkloadDetails', input, (event) => mirrorWorkloads.change({ kind: 'details', event }));
  useEffect(() => mirrorWorkloads.fail(error, retry), [error, retry]);
  return null;
}
