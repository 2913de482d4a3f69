import { create } from 'zustand';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { type Workload, type WorkloadDetails, workloadKey } from '#protocol/local-api/model.ts';
import { onNextFrame } from '../api/next-frame.ts';

/** A workload as the traffic-manager and, where the user may look, the Kubernetes API know it. */
export interface WorkloadRow {
  readonly key: string;
  readonly workload: Workload;
  readonly details: WorkloadDetails | undefined;
}

export interface WorkloadMirror {
  /** Name of the connection that the rows are of. */
  readonly connection: string | undefined;
  readonly isLoaded: boolean;
  readonly error: ErrorData | undefined;
  readonly rows: ReadonlyMap<string, WorkloadRow>;
  /** After a failure: asks for the workloads once more. */
  readonly retry: () => void;
}

const empty: WorkloadMirror = {
  connection: undefined,
  isLoaded: false,
  error: undefined,
  rows: new Map(),
  retry: () => undefined,
};

export const useWorkloads = create<WorkloadMirror>()(() => empty);

type Change =
  | { readonly kind: 'workloads'; readonly event: CallEvent<'watchWorkloads'> }
  | { readonly kind: 'details'; readonly event: CallEvent<'watchWorkloadDetails'> };

/** Nobody reads faster than that, and the person's own keys come first. */
const restMs = 100;

let queue: Change[] = [];
let details: ReadonlyMap<string, WorkloadDetails> = new Map();
const flush = onNextFrame(() => {
  const changes = queue;
  queue = [];
  const before = useWorkloads.getState();
  const next = applyChanges({ ...before, details }, changes);
  details = next.details;
  useWorkloads.setState({ rows: next.rows, isLoaded: next.isLoaded });
}, restMs);

/** For the subscription alone. */
export const mirrorWorkloads = {
  start(connection: string | undefined): void {
    flush.cancel();
    queue = [];
    details = new Map();
    useWorkloads.setState({ ...empty, connection, retry: useWorkloads.getState().retry });
  },
  change(change: Change): void {
    queue.push(change);
    flush.request();
  },
  fail(error: ErrorData | undefined, retry: () => void): void {
    useWorkloads.setState({ error, retry });
  },
};

interface Applied {
  readonly rows: ReadonlyMap<string, WorkloadRow>;
  readonly details: ReadonlyMap<string, WorkloadDetails>;
  readonly isLoaded: boolean;
}

/** The rows after a frame's changes, copied once however many there are. Rows that did not change stay the same objects. */
export function applyChanges(before: Applied, changes: readonly Change[]): Applied {
  let rows = new Map(before.rows);
  let known = new Map(before.details);
  let { isLoaded } = before;
  const put = (workload: Workload) => {
    const key = workloadKey(workload);
    rows.set(key, { key, workload, details: known.get(key) });
  };
  const refresh = (key: string) => {
    const row = rows.get(key);
    if (row !== undefined && row.details !== known.get(key)) rows.set(key, { ...row, details: known.get(key) });
  };
  for (const { kind, event } of changes) {
    if (kind === 'workloads') {
      if (event.kind === 'snapshot') {
        rows = new Map();
        for (const workload of event.workloads) put(workload);
        isLoaded = true;
      } else if (event.kind === 'changed') put(event.workload);
      else rows.delete(workloadKey(event.workload));
    } else if (event.kind === 'snapshot') {
      known = new Map(Object.entries(event.details));
      for (const key of rows.keys()) refresh(key);
    } else {
      if (event.kind === 'changed') known.set(event.key, event.details);
      else known.delete(event.key);
      refresh(event.key);
    }
  }
  return { rows, details: known, isLoaded };
}
