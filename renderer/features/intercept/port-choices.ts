import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import { texts } from '../../texts/en.ts';

/** A port of a workload as the cluster knows it. */
export interface PortChoice {
  readonly id: string;
  /** For the request: name or number, `/UDP` where it is one. */
  readonly identifier: string;
  readonly label: string;
  readonly detail: string;
  readonly service: string | undefined;
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
      containerPort: port,
    });
  }
  return choices;
}
