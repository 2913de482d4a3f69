import { type AgentConfig, type AgentContainer, appMountsDirectory, appVariablePrefix } from '#protocol/agent/agent-config.ts';
import { readInjectAnnotations } from './inject-annotations.ts';
import type { InjectorSettings } from './injector-settings.ts';
import type { Container, PodTemplate, ServiceObject } from './pod-types.ts';
import { appContainers, workloadPorts } from './workload-ports.ts';

/** Where agents find the traffic-manager, and what they run. */
export interface AgentSurroundings {
  readonly managerHost: string;
  readonly managerPort: number;
  readonly managerNamespace: string;
  readonly agentImage: string;
}

export type BuiltConfig =
  | { readonly kind: 'config'; readonly config: AgentConfig }
  /** The workload cannot have an agent. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A group that no image is likely to use. */
const agentGroupId = 7_439;

/**
 * The configuration of a workload's agents: the same for the same template and Services, so that the webhook and who asks for an agent
 * agree without talking. Mounts are not in it: only a pod shows them all.
 */
export function buildAgentConfig(
  workload: AgentConfig['workload'],
  namespace: string,
  template: PodTemplate,
  services: readonly ServiceObject[],
  surroundings: AgentSurroundings,
  settings: InjectorSettings,
): BuiltConfig {
  const containers = appContainers(template);
  const annotations = readInjectAnnotations(template.metadata?.annotations);
  if (annotations.idlePath === 'invalid') return refused('its annotation idle-path is neither "relay" nor "direct"');
  const isDirect = (annotations.idlePath ?? settings.idlePath) === 'direct';
  if (isDirect && !settings.hasInitContainer) {
    return refused(
      'connections pass its agent by (idle-path "direct"), which needs the init container that agent.initContainer.enabled=false forbids',
    );
  }
  const ports = workloadPorts(template, services, annotations).map((port) =>
    // Names lead to one place for good; the redirect can be turned.
    isDirect && port.protocol === 'TCP' ? { ...port, mode: 'redirect' as const } : port,
  );
  const declared = new Set(containers.flatMap((container) => (container.ports ?? []).map((port) => port.containerPort)));
  if (template.spec?.hostNetwork === true) return refused('its pods use the network of their nodes (hostNetwork)');
  if (containers.length === 0) return refused('its pods have no containers');
  if (declared.has(settings.agentPort)) {
    return refused(`a container uses port ${settings.agentPort}, where agents listen: set the value agent.port to another`);
  }
  const redirected = ports.filter((port) => port.mode === 'redirect');
  if (redirected.length > 0 && !settings.hasInitContainer) {
    const numbers = redirected.map((port) => port.containerPort).join(', ');
    return refused(
      `port ${numbers} is reached by its number, which needs the init container that agent.initContainer.enabled=false forbids; a Service whose targetPort is a name does without`,
    );
  }
  const taken = new Set([...declared, ...ports.map((port) => port.containerPort)]);
  const nextFree = (from: number) => {
    let port = from;
    while (taken.has(port)) port += 1;
    taken.add(port);
    return port;
  };
  const agentPorts = new Map<number, number>();
  for (const { containerPort } of ports) {
    if (!agentPorts.has(containerPort)) agentPorts.set(containerPort, nextFree(settings.agentPort));
  }
  const apiPort = nextFree(settings.agentPort + 80);
  const healthPort = nextFree(settings.agentPort + 81);
  const result = containers.map((container, index): AgentContainer => {
    const own = ports.filter((port) => port.container === container.name);
    return {
      name: container.name,
      mountPoint: `${appMountsDirectory}/${container.name}`,
      envPrefix: `${appVariablePrefix}${letters(index)}_`,
      mounts: [],
      ports: own.map(({ containerPort, protocol, name, services: reachedBy, mode }) => ({
        containerPort,
        agentPort: agentPorts.get(containerPort) ?? 0,
        protocol,
        ...(name === undefined ? {} : { name }),
        services: [...reachedBy],
        mode,
        ...(isDirect && protocol === 'TCP' ? { idlePath: 'direct' as const } : {}),
        ...(mode === 'redirect' && protocol === 'TCP' && isProbed(container, containerPort)
          ? { probePort: nextFree(settings.agentPort + 40) }
          : {}),
      })),
    };
  });
  const config = {
    workload,
    namespace,
    managerHost: surroundings.managerHost,
    managerPort: surroundings.managerPort,
    managerNamespace: surroundings.managerNamespace,
    agentImage: surroundings.agentImage,
    logLevel: settings.logLevel,
    apiPort,
    healthPort,
    agentGroupId,
    containers: result,
  };
  return { kind: 'config', config };
}

/** Whether a pod's agent does what is wanted; an older image, or another log level, is no reason to end pods. */
export function isSatisfiedBy(wanted: AgentConfig, present: AgentConfig | undefined): boolean {
  if (present === undefined) return false;
  const essence = ({ containers, managerHost, managerPort }: AgentConfig) =>
    JSON.stringify([
      managerHost,
      managerPort,
      containers.map(({ name, envPrefix, ports }) => [
        name,
        envPrefix,
        ports.map(({ containerPort, agentPort, protocol, mode, idlePath }) => [
          containerPort,
          agentPort,
          protocol,
          mode,
          idlePath ?? 'relay',
        ]),
      ]),
    ]);
  return essence(wanted) === essence(present);
}

/** Whether the kubelet asks this port of the container, by a probe or a hook. */
function isProbed(container: Container, containerPort: number): boolean {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].some((probe) =>
    [probe?.httpGet, probe?.tcpSocket, probe?.grpc].some((user) => {
      if (user === undefined || (user.host ?? '') !== '') return false;
      const { port } = user;
      return typeof port === 'number'
        ? port === containerPort
        : container.ports?.some((entry) => entry.name === port && entry.containerPort === containerPort) === true;
    }),
  );
}

/** A…Z, AA, AB, … */
function letters(index: number): string {
  const last = String.fromCodePoint(65 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}

function refused(reason: string): BuiltConfig {
  return { kind: 'refused', reason };
}
