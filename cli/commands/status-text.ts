import { productVersion } from '#base/common/version.ts';
import type { Connection, DaemonState } from '#protocol/local-api/model.ts';
import { remedyText } from '../output/error-text.ts';
import { formatKeyValues, type KeyValue } from '../output/key-values.ts';
import { engagementSummary } from './engagement-text.ts';
import { connectionWord, failureOf, ownEngagements, relevantHealth, statusText } from './status-model.ts';

/** What `status` prints for people: a block for each part, problems last. */
export function statusLines(state: DaemonState, connection: Connection | undefined, isHelperRunning: boolean): string[] {
  return [
    'User Daemon: Running',
    ...formatKeyValues(userRows(state, connection)),
    `Root Daemon: ${isHelperRunning ? 'Running' : connection?.mode === 'rootless' ? 'Not needed (rootless)' : 'Not running'}`,
    ...(isHelperRunning ? formatKeyValues(rootRows(connection)) : []),
    ...managerLines(connection),
    ...problemLines(state, connection),
  ];
}

function userRows(state: DaemonState, connection: Connection | undefined): KeyValue[] {
  const { daemon } = state;
  const engagements = ownEngagements(state, connection);
  const error = connection === undefined ? undefined : failureOf(connection.state);
  const word = connection === undefined ? 'off' : connectionWord(connection.state);
  const detail =
    connection?.state.kind === 'connecting'
      ? ` (${connection.state.stage})`
      : connection?.state.kind === 'reconnecting'
        ? ` (attempt ${connection.state.attempt})`
        : connection?.state.kind === 'paused' && connection.state.until !== undefined
          ? ` (until ${new Date(connection.state.until).toLocaleTimeString()})`
          : '';
  return [
    ['Version', `v${daemon.version}`],
    ['Executable', daemon.executable],
    ['Install ID', daemon.installId],
    ['Status', statusText(connection?.state)],
    ['Connection', `${word}${detail}`],
    ['Error', error?.message],
    ['Name', connection?.name],
    ['Kubernetes server', connection?.server],
    ['Kubernetes context', connection?.context],
    ['Namespace', connection?.namespace],
    ['Manager namespace', connection?.managerNamespace],
    [
      'Mapped namespaces',
      connection === undefined || connection.mappedNamespaces.length === 0 ? undefined : connection.mappedNamespaces.join(', '),
    ],
    ['Intercepts', engagements.length === 0 ? undefined : engagements.map(engagementSummary)],
  ];
}

function rootRows(connection: Connection | undefined): KeyValue[] {
  const { dns, routing } = connection ?? {};
  const some = (list: readonly string[] | undefined) => (list === undefined || list.length === 0 ? undefined : list);
  const words = (list: readonly string[]) => `[${list.join(' ')}]`;
  return [
    ['Version', `v${productVersion}`],
    [
      'DNS',
      dns === undefined
        ? undefined
        : {
            block: [
              ['Remote IP', dns.address],
              ['Local addresses', words(dns.formerServers)],
              ['Mode', dns.mode],
              ['Exclude suffixes', words(dns.excludeSuffixes)],
              ['Include suffixes', words(dns.includeSuffixes)],
              ['Excludes', dns.excludes.length === 0 ? undefined : words(dns.excludes)],
              ['Mappings', some(dns.mappings.map(({ name, aliasFor }) => `${name} → ${aliasFor}`))],
              ['Timeout', `${dns.lookupTimeoutMs / 1_000}s`],
              ['Error', dns.error],
            ],
          },
    ],
    ['Interface', routing === undefined ? undefined : `${routing.interface} (${routing.addresses.join(', ')})`],
    ['Subnets', routing?.subnets],
    ['Also Proxy', some(routing?.alsoProxy)],
    ['Never Proxy', some(routing?.neverProxy)],
    ['Allow conflicts for', some(routing?.allowConflicting)],
    ['Virtual subnets', some(routing?.virtual.map(({ subnet, virtual }) => `${subnet} → ${virtual}`))],
  ];
}

function managerLines(connection: Connection | undefined): string[] {
  if (connection?.manager === undefined) return ['Traffic Manager: Not connected'];
  const { version, agentImage, namespace } = connection.manager;
  const isOn = ['on', 'degraded', 'paused'].includes(connection.state.kind);
  return [
    `Traffic Manager: ${isOn ? 'Connected' : 'Not connected'}`,
    ...formatKeyValues([
      ['Version', version],
      ['Traffic Agent', agentImage],
      ['Namespace', namespace],
    ]),
  ];
}

function problemLines(state: DaemonState, connection: Connection | undefined): string[] {
  const health = relevantHealth(state, connection);
  if (health.length === 0) return [];
  return [
    'Problems:',
    ...health.flatMap(({ severity, title, message, remedies }) => [
      `  ${severity}: ${title}: ${message}`,
      ...remedies.map(
        (remedy) =>
          `    do: ${remedyText({ label: remedy.label, ...(remedy.command === undefined ? {} : { command: remedy.command }) })}`,
      ),
    ]),
  ];
}
