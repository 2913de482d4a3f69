import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type SessionInfo,
  WorkloadEvent_Type,
  type WorkloadEventsDelta,
  type WorkloadInfo,
  WorkloadInfo_AgentState,
  WorkloadInfo_Kind,
  WorkloadInfo_State,
} from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { Workload } from '#protocol/local-api/model.ts';
import type { ManagerClient } from '../link/wire-session.ts';

export type WorkloadChange = CallEvent<'watchWorkloads'>;

/** The first lot of a traffic-manager that does not say where it ends has ended when nothing came for this long. */
const quietMs = 400;
/** Nor does such a one say that there are none. */
const emptyMs = 5_000;
/** Longer than that, changes are taken for what they are. */
const maxGatherMs = 10_000;

export interface WorkloadSession {
  live(signal: AbortSignal): Promise<{
    readonly link: { readonly manager: Pick<ManagerClient, 'watchWorkloads'>; readonly isOpen: boolean };
    readonly session: SessionInfo;
  }>;
}

export interface WorkloadTiming {
  readonly quietMs: number;
  readonly emptyMs: number;
}

/**
 * The workloads of the connected namespace: all first, then changes, across reconnects (each of which begins with all again) until the
 * signal aborts. Stock traffic-managers name the first ones one by one, and do not say which is the last.
 */
export async function* watchWorkloads(
  session: WorkloadSession,
  signal: AbortSignal,
  timing: WorkloadTiming = { quietMs, emptyMs },
): AsyncGenerator<WorkloadChange> {
  while (!signal.aborted) {
    const { link, session: info } = await session.live(signal);
    try {
      yield* follow(link.manager.watchWorkloads({ sessionInfo: info }, { signal })[Symbol.asyncIterator](), timing);
    } catch (error) {
      if (signal.aborted) return;
      if (link.isOpen) throw error;
    }
  }
}

async function* follow(deltas: AsyncIterator<WorkloadEventsDelta>, timing: WorkloadTiming): AsyncGenerator<WorkloadChange> {
  let gathered: Map<string, Workload> | undefined = new Map();
  const began = performance.now();
  // It may fail while whoever iterates is busy.
  const ask = () => {
    const asked = deltas.next();
    asked.catch(() => undefined);
    return asked;
  };
  let next = ask();
  try {
    for (;;) {
      const waitMs = gathered === undefined ? undefined : gathered.size === 0 ? timing.emptyMs : timing.quietMs;
      const result: IteratorResult<WorkloadEventsDelta> | undefined = await within(next, waitMs);
      if (result === undefined) {
        yield { kind: 'snapshot', workloads: [...(gathered?.values() ?? [])] };
        gathered = undefined;
        continue;
      }
      if (result.done === true) return;
      next = ask();
      const { events, isSnapshot } = result.value;
      if (isSnapshot) {
        gathered = undefined;
        const workloads = events.flatMap(({ workload }) => (workload === undefined ? [] : workloadOf(workload)));
        yield { kind: 'snapshot', workloads };
        continue;
      }
      const changes = events.flatMap(({ type, workload }) => (workload === undefined ? [] : changeOf(type, workload)));
      if (gathered === undefined) {
        yield* changes;
        continue;
      }
      for (const change of changes) gather(gathered, change);
      if (performance.now() - began <= maxGatherMs) continue;
      yield { kind: 'snapshot', workloads: [...gathered.values()] };
      gathered = undefined;
    }
  } finally {
    // Not awaited: a call that waits for its next message ends with its signal only.
    void deltas.return?.().catch(() => undefined);
  }
}

function gather(gathered: Map<string, Workload>, change: WorkloadChange): void {
  if (change.kind === 'snapshot') return;
  const key = `${change.workload.kind}/${change.workload.name}`;
  if (change.kind === 'removed') gathered.delete(key);
  else gathered.set(key, change.workload);
}

/** `undefined` where the promise takes longer; without a time it is waited for. */
async function within<T>(promise: Promise<T>, ms: number | undefined): Promise<T | undefined> {
  if (ms === undefined) return await promise;
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The session of a connection is for one namespace. */
export function checkWorkloadNamespace(asked: string | undefined, connected: string): void {
  if (asked === undefined || asked === connected) return;
  throw new AppError({
    code: 'usage',
    message: `This connection is for namespace "${connected}", not "${asked}"`,
    remedies: [{ label: 'Connect to the other one', command: `telepresence quit && telepresence connect --namespace ${asked}` }],
  });
}

function changeOf(type: WorkloadEvent_Type, info: WorkloadInfo): WorkloadChange[] {
  return workloadOf(info).map((workload) => ({ kind: type === WorkloadEvent_Type.DELETED ? 'removed' : 'changed', workload }));
}

/** Kinds that this version does not know are left out. */
function workloadOf(info: WorkloadInfo): Workload[] {
  const kind = kinds[info.kind];
  if (kind === undefined) return [];
  return [
    {
      kind,
      name: info.name,
      namespace: info.namespace,
      state: states[info.state] ?? 'unknown',
      agent: agents[info.agentState] ?? 'none',
      interceptedBy: interceptorsOf(info),
    },
  ];
}

/** One that has several ports has an intercept for each. */
function interceptorsOf({ interceptClients }: WorkloadInfo): Workload['interceptedBy'] {
  const earliest = new Map<string, string | undefined>();
  for (const { client, since } of interceptClients) {
    const told = since === undefined ? undefined : timestampDate(since).toISOString();
    const known = earliest.get(client);
    earliest.set(client, known === undefined || (told !== undefined && told < known) ? told : known);
  }
  return [...earliest].map(([owner, since]) => ({ owner, ...(since === undefined ? {} : { since }) }));
}

const kinds: Readonly<Record<number, Workload['kind']>> = {
  [WorkloadInfo_Kind.DEPLOYMENT]: 'Deployment',
  [WorkloadInfo_Kind.REPLICASET]: 'ReplicaSet',
  [WorkloadInfo_Kind.STATEFULSET]: 'StatefulSet',
  [WorkloadInfo_Kind.ROLLOUT]: 'Rollout',
};

const states: Readonly<Record<number, Workload['state']>> = {
  [WorkloadInfo_State.UNKNOWN_UNSPECIFIED]: 'unknown',
  [WorkloadInfo_State.AVAILABLE]: 'available',
  [WorkloadInfo_State.PROGRESSING]: 'progressing',
  [WorkloadInfo_State.FAILURE]: 'failure',
};

const agents: Readonly<Record<number, Workload['agent']>> = {
  [WorkloadInfo_AgentState.NO_AGENT_UNSPECIFIED]: 'none',
  [WorkloadInfo_AgentState.INSTALLED]: 'installed',
  [WorkloadInfo_AgentState.INTERCEPTED]: 'intercepted',
};
