import type { AgentPort, AgentServicePort } from '#protocol/agent/agent-config.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';
import type { InjectAnnotations } from './inject-annotations.ts';
import type { Container, PodTemplate, ServiceObject } from './pod-types.ts';

/** A port of a container that traffic can be taken from. */
export interface WorkloadPort {
  readonly container: string;
  readonly containerPort: number;
  readonly protocol: AgentPort['protocol'];
  /** Absent where the container does not name, or not even declare, the port. */
  readonly name: string | undefined;
  readonly services: readonly AgentServicePort[];
  readonly mode: AgentPort['mode'];
}

/**
 * The ports of a workload, in the order of their containers and declarations: those that Services lead to, and those that the annotation
 * `inject-container-ports` names; every declared one of a workload that no Service selects.
 */
export function workloadPorts(
  template: PodTemplate,
  services: readonly ServiceObject[],
  annotations: InjectAnnotations,
): readonly WorkloadPort[] {
  const containers = appContainers(template);
  const found = new Map<string, WorkloadPort>();
  const add = (port: WorkloadPort) => {
    const key = `${port.container} ${port.containerPort} ${port.protocol}`;
    const known = found.get(key);
    // One way for callers that use the number means the redirect for all.
    const mode = known?.mode === 'redirect' ? known.mode : port.mode;
    found.set(key, { ...port, mode, services: [...(known?.services ?? []), ...port.services] });
  };
  const selecting = services.filter((service) => isSelected(service, template, annotations.serviceName));
  for (const service of selecting) for (const port of portsOfService(service, containers, annotations.servicePorts)) add(port);
  for (const container of containers) {
    for (const port of container.ports ?? []) {
      const declared = declaredPort(container, port);
      if (declared === undefined) continue;
      if (selecting.length === 0 || annotations.containerPorts.some((wanted) => isNamed(wanted, declared))) add(declared);
    }
  }
  return [...found.values()].sort((a, b) => order(containers, a) - order(containers, b));
}

/** The containers of the app: never the agent, not even one that is written into the template. */
export function appContainers(template: PodTemplate): readonly Container[] {
  return (template.spec?.containers ?? []).filter(({ name }) => name !== agentContainerName);
}

export function asProtocol(protocol: string | undefined): AgentPort['protocol'] | undefined {
  return protocol === undefined || protocol === 'TCP' ? 'TCP' : protocol === 'UDP' ? 'UDP' : undefined;
}

function isSelected({ metadata, spec }: ServiceObject, template: PodTemplate, only: string | undefined): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  if (selector.length === 0 || (only !== undefined && metadata?.name !== only)) return false;
  return selector.every(([key, value]) => template.metadata?.labels?.[key] === value);
}

function* portsOfService(
  { metadata, spec }: ServiceObject,
  containers: readonly Container[],
  only: readonly string[],
): Generator<WorkloadPort> {
  for (const { name = '', port, protocol: given, targetPort = port, appProtocol } of spec?.ports ?? []) {
    const protocol = asProtocol(given);
    if (protocol === undefined || (only.length > 0 && !only.includes(name) && !only.includes(String(port)))) continue;
    const target = findTarget(containers, targetPort, protocol);
    if (target === undefined) continue;
    // Callers of a headless Service connect to the container's port itself.
    const isByName = typeof targetPort === 'string' && spec?.clusterIP !== 'None';
    const service = { name: metadata?.name ?? '', uid: metadata?.uid ?? '', portName: name, port };
    yield {
      ...target,
      protocol,
      services: [appProtocol === undefined ? service : { ...service, appProtocol }],
      mode: isByName ? 'named' : 'redirect',
    };
  }
}

/** As Kubernetes finds it: the first container with a port of this name; a number need not be declared. */
function findTarget(
  containers: readonly Container[],
  targetPort: number | string,
  protocol: AgentPort['protocol'],
): Pick<WorkloadPort, 'container' | 'containerPort' | 'name'> | undefined {
  for (const container of containers) {
    const port = container.ports?.find(
      (entry) =>
        asProtocol(entry.protocol) === protocol &&
        (typeof targetPort === 'string' ? entry.name === targetPort : entry.containerPort === targetPort),
    );
    if (port !== undefined) return { container: container.name, containerPort: port.containerPort, name: port.name };
  }
  const [first] = containers;
  if (typeof targetPort === 'string' || first === undefined) return undefined;
  return { container: first.name, containerPort: targetPort, name: undefined };
}

function declaredPort(container: Container, port: NonNullable<Container['ports']>[number]): WorkloadPort | undefined {
  const protocol = asProtocol(port.protocol);
  if (protocol === undefined) return undefined;
  const { containerPort, name } = port;
  return { container: container.name, containerPort, protocol, name, services: [], mode: 'redirect' };
}

function isNamed(wanted: string, port: WorkloadPort): boolean {
  if (wanted === 'all') return true;
  const [identifier = '', protocol = 'TCP'] = wanted.split('/');
  return protocol.toUpperCase() === port.protocol && (identifier === port.name || identifier === String(port.containerPort));
}

function order(containers: readonly Container[], { container, containerPort, protocol }: WorkloadPort): number {
  const index = containers.findIndex(({ name }) => name === container);
  const ports = containers[index]?.ports ?? [];
  const position = ports.findIndex((port) => port.containerPort === containerPort && asProtocol(port.protocol) === protocol);
  return index * 1_000_000 + (position === -1 ? 100_000 + containerPort : position);
}
