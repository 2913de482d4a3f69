import { type IpAddress, parseIp } from '#base/common/ip.ts';
import type { AgentConfig, AgentContainer, AgentPort } from '#protocol/agent/agent-config.ts';
import { InterceptDispositionType, type InterceptInfo, type InterceptSpec } from '#protocol/cluster/generated/manager_pb.js';

/** Where connections to a port go instead of to the app. */
export interface PortIntercept {
  readonly id: string;
  /** The laptop's session with the traffic-manager. */
  readonly sessionId: string;
  /** What the laptop tells its engagements apart by; it dials its handler itself. */
  readonly target: { readonly ip: IpAddress; readonly port: number };
  readonly dialTimeoutMs: number;
  readonly roundtripMs: number;
  /** The laptop was told that it is in place. */
  readonly isActive: boolean;
}

/** What the agent answers to an intercept that waits. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly container: AgentContainer; readonly port: AgentPort }
  | { readonly kind: 'refused'; readonly disposition: InterceptDispositionType; readonly message: string };

export interface Assessment {
  readonly byPort: ReadonlyMap<AgentPort, PortIntercept>;
  /** In the order of the snapshot. */
  readonly verdicts: readonly { readonly id: string; readonly verdict: Verdict }[];
}

const nanosecondsInMs = 1_000_000;
const defaultDialTimeoutMs = 5_000;
const maxDialTimeoutMs = 60_000;

/**
 * What the intercepts of a snapshot mean for this pod. Who may intercept what is decided by the traffic-manager; an agent refuses only
 * what it cannot do, and where two want one port keeps to the first, which is the same one in every pod.
 *
 * An intercept that waits takes connections already: it is active for the laptop as soon as one pod has accepted it, and then has to be
 * so in all of them.
 */
export function assessIntercepts(intercepts: readonly InterceptInfo[], config: AgentConfig): Assessment {
  const byPort = new Map<AgentPort, PortIntercept>();
  const verdicts: { readonly id: string; readonly verdict: Verdict }[] = [];
  const ours = intercepts.filter(({ spec }) => spec?.agent === config.workload.name && spec.namespace === config.namespace);
  const byState = (state: InterceptDispositionType) => ours.filter(({ disposition }) => disposition === state);
  for (const intercept of [...byState(InterceptDispositionType.ACTIVE), ...byState(InterceptDispositionType.WAITING)]) {
    const { id, spec, disposition } = intercept;
    if (spec === undefined) continue;
    const isActive = disposition === InterceptDispositionType.ACTIVE;
    const verdict = judge(spec, config, byPort);
    if (verdict.kind === 'accepted') byPort.set(verdict.port, toPortIntercept(intercept, spec, isActive));
    if (!isActive) verdicts.push({ id, verdict });
  }
  return { byPort, verdicts };
}

function judge(spec: InterceptSpec, config: AgentConfig, taken: ReadonlyMap<AgentPort, PortIntercept>): Verdict {
  if (spec.mechanism !== '' && spec.mechanism !== 'tcp') {
    const message = `The traffic-agent of ${config.workload.name} does not know the mechanism "${spec.mechanism}"`;
    return { kind: 'refused', disposition: InterceptDispositionType.NO_MECHANISM, message };
  }
  const found = findPort(spec, config);
  if (found === undefined) {
    const wanted = spec.containerPort > 0 ? `${spec.containerPort}/${protocolOf(spec)}` : spec.portIdentifier;
    const message = `The traffic-agent of ${config.workload.name} has no container port ${wanted}`;
    return { kind: 'refused', disposition: InterceptDispositionType.NO_PORTS, message };
  }
  const holder = taken.get(found.port);
  if (holder !== undefined) {
    const message = `Port ${found.port.containerPort}/${found.port.protocol} of ${config.workload.name} is taken by intercept ${holder.id}`;
    return { kind: 'refused', disposition: InterceptDispositionType.AGENT_ERROR, message };
  }
  return { kind: 'accepted', ...found };
}

function findPort(
  spec: InterceptSpec,
  config: AgentConfig,
): { readonly container: AgentContainer; readonly port: AgentPort } | undefined {
  const all = config.containers.flatMap((container) => container.ports.map((port) => ({ container, port })));
  const candidates = all.filter(({ port }) => port.protocol === protocolOf(spec));
  if (spec.containerPort > 0) return candidates.find(({ port }) => port.containerPort === spec.containerPort);
  // Older laptops name the Service's port only.
  const wanted = spec.portIdentifier.split('/')[0] ?? '';
  return candidates.find(({ port }) =>
    port.services.some(({ name, portName, port: servicePort }) => {
      const isService = spec.serviceName === '' || spec.serviceName === name;
      return isService && (spec.servicePort === servicePort || wanted === portName || wanted === String(servicePort));
    }),
  );
}

function protocolOf(spec: InterceptSpec): 'TCP' | 'UDP' {
  return spec.protocol.toUpperCase() === 'UDP' ? 'UDP' : 'TCP';
}

function toPortIntercept({ id, clientSession }: InterceptInfo, spec: InterceptSpec, isActive: boolean): PortIntercept {
  const dialTimeoutMs = Number(spec.dialTimeout) / nanosecondsInMs;
  return {
    id,
    sessionId: clientSession?.sessionId ?? '',
    // A name is the laptop's to resolve; loopback stands for it in the connection's id.
    target: { ip: parseIp(spec.targetHost) ?? { family: 4, value: 0x7f00_0001n }, port: spec.targetPort },
    dialTimeoutMs: dialTimeoutMs > 0 ? Math.min(dialTimeoutMs, maxDialTimeoutMs) : defaultDialTimeoutMs,
    roundtripMs: Math.max(0, Number(spec.roundtripLatency) / nanosecondsInMs),
    isActive,
  };
}
