import { fieldAt, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { type Resource, resourceKey, resources } from '../../store/resources.ts';
import { podReady, podRestarts, podState } from './pod-state.ts';

export interface Column {
  readonly name: string;
  readonly type?: 'string' | 'integer';
  /** Only with `-o wide`. */
  readonly isWide?: boolean;
  readonly cell: (object: KubeObject, now: number) => string | number;
}

const name: Column = { name: 'Name', cell: ({ metadata }) => metadata.name };
const age: Column = { name: 'Age', cell: ({ metadata }, now) => duration(now - Date.parse(metadata.creationTimestamp)) };

/** The columns that people know from Kubernetes; name and age for the rest. */
export function columnsOf(resource: Resource): readonly Column[] {
  return columnsByResource[resourceKey(resource)] ?? [name, age];
}

const text = (title: string, ...path: readonly (string | number)[]): Column => ({
  name: title,
  cell: (object) => textAt(object, ...path) || '<none>',
});
const count = (title: string, ...path: readonly string[]): Column => ({
  name: title,
  type: 'integer',
  cell: (object) => Number(fieldAt(object, ...path) ?? 0),
});
const size = (title: string, field: string): Column => ({
  name: title,
  type: 'integer',
  cell: (object) => Object.keys(object[field] ?? {}).length,
});
const wide = (column: Column): Column => ({ ...column, isWide: true });
const selector: Column = wide({
  name: 'Selector',
  cell: (object) => labelText(fieldAt(object, 'spec', 'selector', 'matchLabels') ?? fieldAt(object, 'spec', 'selector')),
});
const templateContainers = (title: string, field: string): Column =>
  wide({
    name: title,
    cell: (object) =>
      listAt(object, 'spec', 'template', 'spec', 'containers')
        .map((container) => textAt(container, field))
        .join(','),
  });
const containers = [templateContainers('Containers', 'name'), templateContainers('Images', 'image')];

const columnsByResource: Readonly<Record<string, readonly Column[]>> = {
  [resourceKey(resources.pods)]: [
    name,
    { name: 'Ready', cell: podReady },
    { name: 'Status', cell: podState },
    { name: 'Restarts', cell: podRestarts },
    age,
    wide(text('IP', 'status', 'podIP')),
    wide(text('Node', 'spec', 'nodeName')),
    wide({ name: 'Nominated Node', cell: () => '<none>' }),
    wide({ name: 'Readiness Gates', cell: () => '<none>' }),
  ],
  [resourceKey(resources.deployments)]: [
    name,
    { name: 'Ready', cell: readyOfWanted },
    count('Up-to-date', 'status', 'updatedReplicas'),
    count('Available', 'status', 'availableReplicas'),
    age,
    ...containers,
    selector,
  ],
  [resourceKey(resources.replicaSets)]: [
    name,
    count('Desired', 'spec', 'replicas'),
    count('Current', 'status', 'replicas'),
    count('Ready', 'status', 'readyReplicas'),
    age,
    ...containers,
    selector,
  ],
  [resourceKey(resources.statefulSets)]: [name, { name: 'Ready', cell: readyOfWanted }, age, ...containers],
  [resourceKey(resources.daemonSets)]: [
    name,
    count('Desired', 'status', 'desiredNumberScheduled'),
    count('Current', 'status', 'currentNumberScheduled'),
    count('Ready', 'status', 'numberReady'),
    count('Up-to-date', 'status', 'updatedNumberScheduled'),
    count('Available', 'status', 'numberAvailable'),
    { name: 'Node Selector', cell: (object) => labelText(fieldAt(object, 'spec', 'template', 'spec', 'nodeSelector')) },
    age,
  ],
  [resourceKey(resources.services)]: [
    name,
    text('Type', 'spec', 'type'),
    text('Cluster-IP', 'spec', 'clusterIP'),
    { name: 'External-IP', cell: (service) => textAt(service, 'spec', 'externalName') || '<none>' },
    { name: 'Port(s)', cell: servicePorts },
    age,
    selector,
  ],
  [resourceKey(resources.endpoints)]: [name, { name: 'Endpoints', cell: endpointAddresses }, age],
  [resourceKey(resources.endpointSlices)]: [
    name,
    text('AddressType', 'addressType'),
    { name: 'Ports', cell: (slice) => joined(listAt(slice, 'ports').map((port) => textAt(port, 'port'))) },
    {
      name: 'Endpoints',
      cell: (slice) =>
        joined(listAt(slice, 'endpoints').flatMap(({ addresses }) => (Array.isArray(addresses) ? addresses.map(String) : []))),
    },
    age,
  ],
  [resourceKey(resources.namespaces)]: [name, text('Status', 'status', 'phase'), age],
  [resourceKey(resources.nodes)]: [
    name,
    {
      name: 'Status',
      cell: (node) =>
        listAt(node, 'status', 'conditions').some(({ type, status }) => type === 'Ready' && status === 'True')
          ? 'Ready'
          : 'NotReady',
    },
    { name: 'Roles', cell: () => '<none>' },
    age,
    text('Version', 'status', 'nodeInfo', 'kubeletVersion'),
  ],
  [resourceKey(resources.configMaps)]: [name, size('Data', 'data'), age],
  [resourceKey(resources.secrets)]: [name, text('Type', 'type'), size('Data', 'data'), age],
  [resourceKey(resources.events)]: [
    {
      name: 'Last Seen',
      cell: (event, now) =>
        duration(
          now - Date.parse(textAt(event, 'lastTimestamp') || textAt(event, 'eventTime') || event.metadata.creationTimestamp),
        ),
    },
    text('Type', 'type'),
    text('Reason', 'reason'),
    {
      name: 'Object',
      cell: (event) => `${textAt(event, 'involvedObject', 'kind').toLowerCase()}/${textAt(event, 'involvedObject', 'name')}`,
    },
    text('Message', 'message'),
  ],
  [resourceKey(resources.podDisruptionBudgets)]: [
    name,
    { name: 'Min Available', cell: (budget) => textAt(budget, 'spec', 'minAvailable') || 'N/A' },
    { name: 'Max Unavailable', cell: (budget) => textAt(budget, 'spec', 'maxUnavailable') || 'N/A' },
    count('Allowed Disruptions', 'status', 'disruptionsAllowed'),
    age,
  ],
  [resourceKey(resources.roles)]: [name, { name: 'Created At', cell: ({ metadata }) => metadata.creationTimestamp }],
  [resourceKey(resources.clusterRoles)]: [name, { name: 'Created At', cell: ({ metadata }) => metadata.creationTimestamp }],
  [resourceKey(resources.roleBindings)]: [name, { name: 'Role', cell: roleRef }, age],
  [resourceKey(resources.clusterRoleBindings)]: [name, { name: 'Role', cell: roleRef }, age],
  [resourceKey(resources.mutatingWebhookConfigurations)]: [
    name,
    { name: 'Webhooks', type: 'integer', cell: (object) => listAt(object, 'webhooks').length },
    age,
  ],
};

/** As kubectl writes ages: two units at most, the second only where it says something. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (!Number.isFinite(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 && hours % 24 > 0 ? `${days}d${hours % 24}h` : `${days}d`;
}

function readyOfWanted(object: KubeObject): string {
  return `${textAt(object, 'status', 'readyReplicas') || 0}/${textAt(object, 'spec', 'replicas') || 0}`;
}

function servicePorts(service: KubeObject): string {
  return joined(
    listAt(service, 'spec', 'ports').map(
      (port) =>
        `${textAt(port, 'port')}${port['nodePort'] === undefined ? '' : `:${textAt(port, 'nodePort')}`}/${textAt(port, 'protocol')}`,
    ),
  );
}

function endpointAddresses(endpoints: KubeObject): string {
  return joined(
    listAt(endpoints, 'subsets').flatMap((subset) =>
      listAt(subset, 'addresses').flatMap(({ ip }) => listAt(subset, 'ports').map(({ port }) => `${String(ip)}:${String(port)}`)),
    ),
  );
}

function roleRef(binding: KubeObject): string {
  return `${textAt(binding, 'roleRef', 'kind')}/${textAt(binding, 'roleRef', 'name')}`;
}

function labelText(labels: unknown): string {
  return joined(Object.entries((labels ?? {}) as Readonly<Record<string, string>>).map(([key, value]) => `${key}=${value}`));
}

function joined(parts: readonly string[]): string {
  return parts.length === 0 ? '<none>' : parts.join(',');
}
