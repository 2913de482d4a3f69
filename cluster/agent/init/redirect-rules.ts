import type { AgentConfig, AgentPort } from '#protocol/agent/agent-config.ts';

export const redirectTable = 'telepresence';

/**
 * The redirects of a pod as one nftables transaction that replaces those of an earlier run; `undefined` where there is nothing to
 * redirect.
 *
 * Only the port is rewritten, never the address, so that answers of wildcard UDP sockets leave with the address that was asked.
 *
 * - From outside: after other destination NAT (priority -100), so that a mesh's proxy gets what it redirects and connects by itself.
 * - From inside: before it, for what the proxy then sends to the pod's own address has to meet the agent. What the agent's group sends is
 *   exempt, for it reaches the app; what goes to the loopback is the pod's own business.
 * - A probe's port leads past the agent to the app.
 */
export function redirectRules(family: 'ip' | 'ip6', config: AgentConfig): string | undefined {
  const ports = redirectedPorts(config);
  if (ports.length === 0) return undefined;
  const redirects = ports.map((port) => redirectRule(port));
  const loopback = family === 'ip' ? 'ip daddr 127.0.0.0/8' : 'ip6 daddr ::1';
  const table = `${family} ${redirectTable}`;
  return `add table ${table}
delete table ${table}
table ${table} {
  chain prerouting {
    type nat hook prerouting priority -90; policy accept;
    ${[...probeRules(ports), ...redirects].join('\n    ')}
  }
  chain output {
    type nat hook output priority -110; policy accept;
    meta skgid ${config.agentGroupId} return
    ${loopback} return
    ${redirects.join('\n    ')}
  }
}
`;
}

export function redirectedPorts(config: AgentConfig): readonly AgentPort[] {
  return config.containers.flatMap(({ ports }) => ports.filter(({ mode }) => mode === 'redirect'));
}

/** Leads connections to the agent, where the condition holds. */
export function redirectRule({ protocol, containerPort, agentPort }: AgentPort, condition = ''): string {
  return `fib daddr type local ${protocol.toLowerCase()} dport ${containerPort}${condition} dnat to :${agentPort}`;
}

/** A probe's port leads past the agent to the app. */
export function probeRules(ports: readonly AgentPort[]): readonly string[] {
  return ports.flatMap(({ probePort, containerPort }) =>
    probePort === undefined ? [] : [`fib daddr type local tcp dport ${probePort} dnat to :${containerPort}`],
  );
}
