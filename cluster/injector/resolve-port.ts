import type { AgentConfig, AgentContainer, AgentPort, AgentServicePort } from '#protocol/agent/agent-config.ts';

/** A way to a port of a workload: by a Service, or (without one) by the pod's address. */
export interface PortRoute {
  readonly container: AgentContainer;
  readonly port: AgentPort;
  readonly service: AgentServicePort | undefined;
}

export interface PortQuery {
  /** Name or number of a Service's or container's port, `/TCP` or `/UDP` behind it. Empty: the only one. */
  readonly identifier: string;
  readonly service?: string | undefined;
  readonly container?: string | undefined;
}

export type PortAnswer =
  | { readonly kind: 'found'; readonly route: PortRoute }
  /** `candidates` are those that fit when it is ambiguous, and all that there are when nothing fits. */
  | { readonly kind: 'unknown' | 'ambiguous'; readonly candidates: readonly PortRoute[] };

/** Looks at ports of Services first, by name, then by number, and then at those of containers. */
export function resolvePort(config: Pick<AgentConfig, 'containers'>, query: PortQuery): PortAnswer {
  const all = config.containers.flatMap((container) => container.ports.flatMap((port) => routesTo(container, port)));
  const [identifier = '', protocol] = query.identifier.split('/');
  const eligible = all.filter(
    ({ container, port, service }) =>
      (query.service === undefined || query.service === '' || service?.name === query.service) &&
      (query.container === undefined || query.container === '' || container.name === query.container) &&
      (protocol === undefined || port.protocol === protocol.toUpperCase()),
  );
  const fitting = byIdentifier(eligible, identifier);
  // TCP is meant unless something else is said, or there is nothing else.
  const meant = fitting.some(({ port }) => port.protocol === 'TCP')
    ? fitting.filter(({ port }) => port.protocol === 'TCP')
    : fitting;
  const [first] = meant;
  if (first === undefined) return { kind: 'unknown', candidates: all };
  const isOne = meant.every(({ container, port }) => container === first.container && port === first.port);
  return isOne ? { kind: 'found', route: first } : { kind: 'ambiguous', candidates: meant };
}

/** As a person would name it: `shop:http 80 → 8080/TCP in app`. */
export function describeRoute({ container, port, service }: PortRoute): string {
  const target = `${port.containerPort}/${port.protocol} of container ${container.name}`;
  if (service === undefined) return port.name === undefined ? target : `${port.name} (${target})`;
  const name = service.portName === '' ? String(service.port) : `${service.portName} (${service.port})`;
  return `service ${service.name} port ${name} → ${target}`;
}

function routesTo(container: AgentContainer, port: AgentPort): readonly PortRoute[] {
  if (port.services.length === 0) return [{ container, port, service: undefined }];
  return port.services.map((service) => ({ container, port, service }));
}

function byIdentifier(routes: readonly PortRoute[], identifier: string): readonly PortRoute[] {
  if (identifier === '') return routes;
  const ways: readonly ((route: PortRoute) => boolean)[] = [
    ({ service }) => service?.portName === identifier,
    ({ service }) => service !== undefined && String(service.port) === identifier,
    ({ port }) => port.name === identifier,
    ({ port }) => String(port.containerPort) === identifier,
  ];
  return ways.map((fits) => routes.filter(fits)).find((found) => found.length > 0) ?? [];
}
