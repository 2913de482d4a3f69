import { isDeepStrictEqual } from 'node:util';
import type { AppError } from '#protocol/errors/app-error.ts';
import type { ConditionText } from './health-conditions.ts';
import type { ConnectionSettings } from './settings.ts';

export interface Reconfigured {
  /** What counts from now on. */
  readonly settings: ConnectionSettings;
  /** Keys of the configuration whose change counts from the next connect on. */
  readonly waiting: readonly string[];
}

/** Where settings are from that a connection keeps as long as it lives. */
const lasting = [
  ['managerNamespace', 'cluster.defaultManagerNamespace'],
  ['mappedNamespaces', 'cluster.mappedNamespaces'],
  ['alsoProxy', 'routing.alsoProxySubnets'],
  ['neverProxy', 'routing.neverProxySubnets'],
  ['allowConflicting', 'routing.allowConflictingSubnets'],
  ['virtualSubnet', 'routing.virtualSubnet'],
  ['autoResolveConflicts', 'routing.autoResolveConflicts'],
  ['dialTimeoutMs', 'timeouts.endpointDial or timeouts.roundtripLatency'],
] as const satisfies readonly (readonly [keyof ConnectionSettings, string])[];

/** What of a changed configuration a running connection takes on: names, time-outs and whether pods are reached directly. */
export function reconfigured(current: ConnectionSettings, next: ConnectionSettings): Reconfigured {
  const waiting: string[] = lasting.flatMap(([key, path]) => (isDeepStrictEqual(current[key], next[key]) ? [] : [path]));
  if (!isDeepStrictEqual(current.dns.localAddresses, next.dns.localAddresses)) waiting.push('dns.localAddresses');
  const kept = Object.fromEntries(lasting.map(([key]) => [key, current[key]])) as Pick<
    ConnectionSettings,
    (typeof lasting)[number][0]
  >;
  return {
    settings: { ...next, ...kept, dns: { ...next.dns, localAddresses: current.dns.localAddresses } },
    waiting,
  };
}

export const reconnectCode = 'config.reconnect';
export const invalidCode = 'config.invalid';

/** `undefined`: all of it counts. */
export function reconnectCondition(waiting: readonly string[]): ConditionText | undefined {
  if (waiting.length === 0) return undefined;
  return {
    code: reconnectCode,
    severity: 'warning',
    title: 'Reconnect to apply the configuration',
    message: `Changes of ${waiting.join(', ')} count from the next connect on`,
    remedies: [{ label: 'Connect again', command: 'telepresence quit && telepresence connect' }],
  };
}

export function invalidCondition({ message, reason }: AppError): ConditionText {
  return {
    code: invalidCode,
    severity: 'warning',
    title: 'The configuration file has a mistake',
    message: `${message}${reason === undefined ? '' : `: ${reason}`}. The connection goes on with the values that it had`,
    remedies: [{ label: 'Correct the file; it is read again when it changes' }],
  };
}
