import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import { texts } from '../../texts/en.ts';
import type { PortWish } from './intercept-draft.ts';

/** A port of a workload as the cluster knows it. */
export interface PortChoice {
  readonly id: string;
  /** For the request: name or number, `/UDP` where it is one. */
  readonly identifier: string;
  readonly label: string;
  readonly detail: string;
  readonly service: string | undefined;
  /** All that people call it by: name and number of the Service's port, and of the container's. */
  readonly names: readonly string[];
  /** Undefined where the container does not say which number the name stands for. */
  readonly containerPort: number | undefined;
}

/** Ports of Services first; of containers only those that no Service leads to. */
export function portChoices(details: WorkloadDetails | undefined): readonly PortChoice[] {
  if (details === undefined) return [];
  const containerPorts = details.containers.flatMap(({ name, ports }) => ports.map((port) => ({ ...port, container: name })));
  const choices: PortChoice[] = [];
  const served = new Set<string>();
  for (const service of details.services) {
    for (const { name, port, targetPort, protocol } of service.ports) {
      if (protocol === 'SCTP') continue;
      const number = Number(targetPort);
      const target = containerPorts.find(
        (each) => each.protocol === protocol && (each.name === targetPort || each.port === number),
      );
      const containerPort = target?.port ?? (Number.isInteger(number) ? number : undefined);
      served.add(`${containerPort ?? targetPort}/${protocol}`);
      choices.push({
        id: `${service.name}/${name ?? port}/${protocol}`,
        identifier: `${name ?? port}${protocol === 'UDP' ? '/UDP' : ''}`,
        label: `${name ?? port}`,
        detail: `${texts.intercept.portByService(service.name, port)}${protocol === 'UDP' ? ', UDP' : ''}`,
        service: service.name,
        names: named(name, port, targetPort, target?.name, containerPort),
        containerPort,
      });
    }
  }
  for (const { name, port, protocol, container } of containerPorts) {
    if (protocol === 'SCTP' || served.has(`${port}/${protocol}`)) continue;
    choices.push({
      id: `${container}:${port}/${protocol}`,
      identifier: `${port}${protocol === 'UDP' ? '/UDP' : ''}`,
      label: name === undefined ? `${port}` : `${name} ${port}`,
      detail: `${texts.intercept.portOfContainer(container)}${protocol === 'UDP' ? ', UDP' : ''}`,
      service: undefined,
      names: named(name, port),
      containerPort: port,
    });
  }
  return choices;
}

/** The one port that a link can mean. */
export function wishedPort(choices: readonly PortChoice[], { identifier, service }: PortWish): PortChoice | undefined {
  const fitting = choices.filter(
    (choice) =>
      (service === undefined || choice.service === service) && (identifier === undefined || choice.names.includes(identifier)),
  );
  const exact = fitting.filter((choice) => choice.identifier === identifier);
  return [exact, fitting].find(({ length }) => length === 1)?.[0];
}

function named(...names: readonly (string | number | undefined)[]): readonly string[] {
  return [...new Set(names.filter((name) => name !== undefined).map(String))];
}
