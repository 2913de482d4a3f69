import { assertNever } from '#base/common/assert-never.ts';
import type { Engagement, EngagementPort, EngagementState } from '#protocol/local-api/model.ts';
import { formatKeyValues, type KeyValue } from '../output/key-values.ts';

/** The block about an intercept that people read. */
export function engagementLines(engagement: Engagement, { debug = false } = {}): string[] {
  const { name, state, workloadKind, podIp, laptopAddress, ports, traffic, handler } = engagement;
  const [first] = ports;
  const rows: KeyValue[] = [
    ['Intercept name', name],
    ['State', stateText(state)],
    ['Workload kind', workloadKind === '' ? undefined : workloadKind],
    ['ID', debug ? engagement.id : undefined],
    ['Intercepting', ports.length === 0 ? undefined : `${podIp ?? 'no pod'} -> ${laptopAddress}`],
  ];
  const mappings = ports.map(({ containerPort, laptopPort, protocol }) => `      ${containerPort} -> ${laptopPort} ${protocol}`);
  const more: KeyValue[] = [
    [portLabel(first), first?.identifier],
    ['To pod', engagement.toPod.length === 0 ? undefined : engagement.toPod.map((port) => `localhost:${port}`).join(', ')],
    ['Handler', handler === 'not-listening' ? 'nothing listens: callers see a closed connection' : undefined],
    ['Connections', traffic.connections === 0 ? undefined : connectionsText(traffic)],
    [
      'Filter',
      ports.length === 0 ? undefined : `all ${[...new Set(ports.map(({ protocol }) => protocol))].join(' and ')} connections`,
    ],
  ];
  // Aligned as one block, with the ports below the line that they belong to.
  const all = formatKeyValues([...rows, ...more]);
  const count = rows.filter(([, value]) => value !== undefined).length;
  return [...all.slice(0, count), ...mappings, ...all.slice(count)];
}

/** One line of a list of intercepts. */
export function engagementSummary({ name, workload, ports, laptopAddress, state }: Engagement): string {
  const places = ports.map(({ identifier, laptopPort }) => `${identifier} -> ${laptopAddress}:${laptopPort}`).join(', ');
  return `${name}: ${workload}${places === '' ? '' : ` ${places}`} (${stateWord(state)})`;
}

/** An intercept as programs read it. */
export function engagementDocument(
  engagement: Engagement,
  { environment }: { readonly environment?: Readonly<Record<string, string>> } = {},
): Record<string, unknown> {
  const { state, ports, podIp } = engagement;
  const [first] = ports;
  return {
    ...(engagement.id === undefined ? {} : { id: engagement.id }),
    name: engagement.name,
    disposition: stateWord(state),
    ...('reason' in state ? { message: state.reason.message } : {}),
    workload: engagement.workload,
    workload_kind: engagement.workloadKind,
    namespace: engagement.namespace,
    target_host: engagement.laptopAddress,
    ...(first === undefined
      ? {}
      : {
          target_port: first.laptopPort,
          port_id: first.identifier,
          container_port: first.containerPort,
          ...(first.service === undefined ? {} : { service_uid: first.service.uid }),
        }),
    ports: ports.map(portDocument),
    ...(environment === undefined ? {} : { environment }),
    filter_desc: `all ${first?.protocol ?? 'TCP'} connections`,
    global: true,
    handler: engagement.handler,
    ...(podIp === undefined ? {} : { pod_ip: podIp }),
  };
}

function portDocument({ laptopPort, containerPort, protocol, identifier, service }: EngagementPort): Record<string, unknown> {
  return {
    target_port: laptopPort,
    container_port: containerPort,
    protocol,
    port_id: identifier,
    ...(service === undefined
      ? {}
      : {
          service_name: service.name,
          service_uid: service.uid,
          service_port_name: service.portName,
          service_port: service.port,
        }),
  };
}

function stateWord({ kind }: EngagementState): 'PREPARING' | 'ACTIVE' | 'WAITING' | 'REMOVED' {
  switch (kind) {
    case 'preparing':
      return 'PREPARING';
    case 'active':
      return 'ACTIVE';
    case 'waiting':
      return 'WAITING';
    case 'ended':
      return 'REMOVED';
    default:
      return assertNever(kind);
  }
}

function stateText(state: EngagementState): string {
  if (state.kind === 'preparing') return `${stateWord(state)} (${state.stage})`;
  return 'reason' in state ? `${stateWord(state)}: ${state.reason.message}` : stateWord(state);
}

function portLabel(port: EngagementPort | undefined): string {
  return port?.service === undefined ? 'Container Port Identifier' : 'Service Port Identifier';
}

function connectionsText({ connections, open, rejected }: Engagement['traffic']): string {
  return `${connections} (${open} open${rejected === 0 ? '' : `, ${rejected} not taken by the handler`})`;
}
