import type { AgentContainer } from '#protocol/agent/agent-config.ts';
import type { Container, Probe } from './pod-types.ts';
import { asProtocol } from './workload-ports.ts';

/** Kubernetes' limit for the name of a port. */
const maxNameLength = 15;

/** A name for a port whose own name the agent takes: as much of it as fits, and unlike the names in use. */
export function displacedPortName(name: string, taken: ReadonlySet<string>): string {
  for (let attempt = 0; ; attempt += 1) {
    const suffix = attempt === 0 ? '' : String(attempt);
    const kept = name.slice(0, maxNameLength - 3 - suffix.length).replace(/-+$/, '');
    const displaced = `tm-${kept}${suffix}`;
    if (!taken.has(displaced)) return displaced;
  }
}

/**
 * An app container whose named ports the agent has taken over: they have other names, and its own probes and hooks follow. Probes of
 * ports that are redirected ask the port that leads past the agent.
 */
export function withDisplacedPorts(container: Container, agent: AgentContainer, taken: Set<string>): Container {
  const names = new Map<string, string>();
  const ports = container.ports?.map((port) => {
    const taking = agent.ports.find(
      (entry) =>
        entry.mode === 'named' && entry.containerPort === port.containerPort && entry.protocol === asProtocol(port.protocol),
    );
    if (taking === undefined || port.name === undefined || port.name !== taking.name) return port;
    const displaced = displacedPortName(port.name, taken);
    taken.add(displaced);
    names.set(port.name, displaced);
    return { ...port, name: displaced };
  });
  const numberOf = (name: string) => container.ports?.find((port) => port.name === name)?.containerPort;
  const probePorts = new Map(
    agent.ports.flatMap(({ probePort, containerPort }) => (probePort === undefined ? [] : [[containerPort, probePort] as const])),
  );
  const renamed = (port: number | string) => (typeof port === 'string' ? (names.get(port) ?? port) : port);
  const pastAgent = (port: number | string) =>
    probePorts.get(typeof port === 'string' ? (numberOf(port) ?? 0) : port) ?? renamed(port);
  return {
    ...container,
    ...(ports === undefined ? {} : { ports }),
    ...withPorts(container, ['livenessProbe', 'readinessProbe', 'startupProbe'], pastAgent),
    // Hooks are for this very app as well: a laptop must not be told to shut down.
    ...(container.lifecycle === undefined
      ? {}
      : { lifecycle: { ...container.lifecycle, ...withPorts(container.lifecycle, ['postStart', 'preStop'], pastAgent) } }),
  };
}

type PortOf = (port: number | string) => number | string;

function withPorts<K extends string>(owner: Readonly<Partial<Record<K, Probe>>>, keys: readonly K[], portOf: PortOf) {
  return Object.fromEntries(keys.flatMap((key) => (owner[key] === undefined ? [] : [[key, withPort(owner[key], portOf)]])));
}

function withPort(probe: Probe, portOf: PortOf): Probe {
  const changed = (['httpGet', 'tcpSocket', 'grpc'] as const).flatMap((kind) => {
    const user = probe[kind];
    // Somewhere else is not this pod's port.
    return user === undefined || (user.host ?? '') !== '' ? [] : [[kind, { ...user, port: portOf(user.port) }]];
  });
  return { ...probe, ...(Object.fromEntries(changed) as Probe) };
}
