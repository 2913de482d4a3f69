import type { SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import type { ManagerClient } from './wire-session.ts';

/** The traffic-agent of one pod. */
export interface AgentVersion {
  readonly workload: string;
  readonly namespace: string;
  readonly version: string;
}

const listTimeoutMs = 5_000;

/** The agents in the session's namespace, as they introduced themselves; one line for those of a workload that are the same. */
export async function listAgents(manager: ManagerClient, session: SessionInfo, signal: AbortSignal): Promise<AgentVersion[]> {
  const end = new AbortController();
  const deadline = AbortSignal.any([signal, end.signal, AbortSignal.timeout(listTimeoutMs)]);
  for await (const { agents } of manager.watchAgents(session, { signal: deadline })) {
    const found = agents.map(({ name, namespace, version }) => ({ workload: name, namespace, version }));
    // The stream has to be told that one answer is enough.
    end.abort();
    return [...new Map(found.map((agent) => [JSON.stringify(agent), agent])).values()];
  }
  return [];
}
