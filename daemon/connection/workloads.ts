import {
  WorkloadEvent_Type,
  type WorkloadInfo,
  WorkloadInfo_AgentState,
  WorkloadInfo_Kind,
  WorkloadInfo_State,
} from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { Workload } from '#protocol/local-api/model.ts';
import type { ClusterSession } from '../link/cluster-session.ts';

export type WorkloadChange = CallEvent<'watchWorkloads'>;

/**
 * The workloads of the connected namespace: all first, then changes, across reconnects (each of which begins with all again) until the
 * signal aborts.
 */
export async function* watchWorkloads(session: ClusterSession, signal: AbortSignal): AsyncGenerator<WorkloadChange> {
  while (!signal.aborted) {
    const { link, session: info } = await session.live(signal);
    let isFirst = true;
    try {
      for await (const { events } of link.manager.watchWorkloads({ sessionInfo: info }, { signal })) {
        if (isFirst)
          yield {
            kind: 'snapshot',
            workloads: events.flatMap(({ workload }) => (workload === undefined ? [] : workloadOf(workload))),
          };
        else yield* events.flatMap(({ type, workload }) => (workload === undefined ? [] : changeOf(type, workload)));
        isFirst = false;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (link.isOpen) throw error;
    }
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
      interceptedBy: info.interceptClients.map(({ client }) => client),
    },
  ];
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
