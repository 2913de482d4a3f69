import { ipToBytes, parseIp } from '#base/common/ip.ts';
import type { AgentInfo } from '#protocol/cluster/generated/manager_pb.js';
import type { Snapshot } from '../changes.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

type PodFacts = {
  readonly podName: string;
  readonly namespace: string;
  readonly podIp: Uint8Array;
  readonly apiPort: number;
  readonly intercepted: boolean;
  readonly workloadName: string;
};

/** The pods of a namespace that have an agent, and which of them serve the laptop that asks. */
export function agentPods(
  sessions: SessionRegistry,
  namespace: string,
  isIntercepted: (agent: AgentInfo) => boolean,
): Snapshot<{ agents: PodFacts[] }> {
  const found = sessions.agentsIn(namespace).map(({ id, agent }) => ({ id, agent, intercepted: isIntercepted(agent) }));
  return {
    key: found.map(({ id, intercepted }) => `${id}=${intercepted}`).join(' '),
    value: {
      agents: found.map(({ agent, intercepted }) => ({
        podName: agent.podName,
        namespace: agent.namespace,
        podIp: bytesOf(agent.podIp),
        apiPort: agent.apiPort,
        intercepted,
        workloadName: agent.name,
      })),
    },
  };
}

/** All that the agents of some namespaces said of themselves. */
export function agentInfos(sessions: SessionRegistry, namespaces: readonly string[]): Snapshot<{ agents: AgentInfo[] }> {
  const found = [...new Set(namespaces)].flatMap((namespace) => sessions.agentsIn(namespace));
  return { key: found.map(({ id }) => id).join(' '), value: { agents: found.map(({ agent }) => agent) } };
}

function bytesOf(text: string): Uint8Array {
  const ip = parseIp(text);
  return ip === undefined ? new Uint8Array() : ipToBytes(ip);
}
