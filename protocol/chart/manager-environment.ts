import { AppError } from '../errors/app-error.ts';
import { parseGoDuration } from './go-duration.ts';
import { parseByteQuantity } from './quantity.ts';

/** How the traffic-manager finds the pods' subnets: whatever works, what nodes say, what pods have, or only what `podCIDRs` names. */
export const podCidrStrategies = ['auto', 'nodePodCIDRs', 'coverPodIPs', 'environment'] as const;
export type PodCidrStrategy = (typeof podCidrStrategies)[number];

export const managerLogLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type ManagerLogLevel = (typeof managerLogLevels)[number];

/** Kinds whose pods can be worked with. */
export const workloadKinds = ['deployments', 'replicaSets', 'statefulSets', 'argoRollouts'] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

/** A Kubernetes label selector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

/**
 * Port of `/healthz` (the process lives) and `/readyz` (it serves) over HTTP/1.1. Not a value: nobody but the kubelet asks there, and
 * the API's port speaks HTTP/2 only.
 */
export const managerHealthPort = 8082;

/** The Service, the Deployment, the ConfigMap and the release all have this name: clients look for it. */
export const managerName = 'traffic-manager';

/** Key of the ConfigMap `traffic-manager` with the settings that connecting laptops get, as YAML. */
export const clientConfigKey = 'client.yaml';

/** Key of the ConfigMap `traffic-manager` with the selector of the managed namespaces, as YAML. Absent: all of them. */
export const namespaceSelectorKey = 'namespace-selector.yaml';

/**
 * The environment variables by which the chart tells the traffic-manager its settings; all of them may be absent but the first three.
 *
 * | variable | form |
 * |---|---|
 * | `MANAGER_NAMESPACE`, `POD_NAME`, `POD_IP` | from the pod itself |
 * | `SERVER_PORT` | port of the gRPC API; 8081 |
 * | `HEALTH_PORT` | port of `/healthz` and `/readyz`; 8082 |
 * | `PROMETHEUS_PORT` | port of the metrics; 0 is none |
 * | `LOG_LEVEL` | error, warn, info, debug, trace |
 * | `POD_CIDR_STRATEGY` | auto, nodePodCIDRs, coverPodIPs, environment |
 * | `POD_CIDRS` | subnets, separated by blanks |
 * | `MANAGED_NAMESPACES` | names, separated by blanks; empty is all |
 * | `MANAGED_NAMESPACE_SELECTOR` | a label selector as JSON; empty is none |
 * | `WORKLOADS` | kinds, separated by blanks |
 * | `GRPC_MAX_RECEIVE_SIZE` | bytes as a quantity: `4Mi` |
 * | `CONNECTION_TTL` | how long a silent client's session is kept: `24h` |
 * | `AGENT_ARRIVAL_TIMEOUT` | `30s` |
 * | `IMAGE` | reference of the image that the traffic-manager itself runs, and gives to agents |
 */
export const managerVariables = {
  managerNamespace: 'MANAGER_NAMESPACE',
  podName: 'POD_NAME',
  podIp: 'POD_IP',
  serverPort: 'SERVER_PORT',
  healthPort: 'HEALTH_PORT',
  prometheusPort: 'PROMETHEUS_PORT',
  logLevel: 'LOG_LEVEL',
  podCidrStrategy: 'POD_CIDR_STRATEGY',
  podCidrs: 'POD_CIDRS',
  managedNamespaces: 'MANAGED_NAMESPACES',
  managedNamespaceSelector: 'MANAGED_NAMESPACE_SELECTOR',
  workloads: 'WORKLOADS',
  grpcMaxReceiveSize: 'GRPC_MAX_RECEIVE_SIZE',
  connectionTtl: 'CONNECTION_TTL',
  agentArrivalTimeout: 'AGENT_ARRIVAL_TIMEOUT',
  image: 'IMAGE',
} as const;

/** What the traffic-manager reads from its environment. */
export interface ManagerEnvironment {
  readonly managerNamespace: string;
  readonly podName: string;
  readonly podIp: string;
  readonly serverPort: number;
  readonly healthPort: number;
  /** 0: no metrics. */
  readonly prometheusPort: number;
  readonly logLevel: ManagerLogLevel;
  readonly podCidrStrategy: PodCidrStrategy;
  readonly podCidrs: readonly string[];
  /** Empty: all namespaces, or those of the selector. */
  readonly managedNamespaces: readonly string[];
  readonly managedNamespaceSelector: LabelSelector | undefined;
  readonly workloads: readonly WorkloadKind[];
  readonly grpcMaxReceiveBytes: number;
  readonly connectionTtlMs: number;
  readonly agentArrivalTimeoutMs: number;
  readonly image: string;
}

/**
 * Reads the environment that the chart gives to the traffic-manager.
 *
 * @throws AppError `config.invalid` naming the variable that is missing or does not fit.
 */
export function parseManagerEnvironment(env: Readonly<Record<string, string | undefined>>): ManagerEnvironment {
  const names = managerVariables;
  const text = (name: string): string => env[name]?.trim() ?? '';
  const required = (name: string): string => {
    if (text(name) === '') throw invalid(name, 'is not set');
    return text(name);
  };
  const read = <T>(name: string, initial: string, parse: (value: string) => T | undefined, expected: string): T => {
    const value = text(name) === '' ? initial : text(name);
    const parsed = parse(value);
    if (parsed === undefined) throw invalid(name, `has to be ${expected}, not "${value}"`);
    return parsed;
  };
  const choice = <T extends string>(choices: readonly T[]) => [
    (value: string): T | undefined => choices.find((known) => known === value),
    `one of ${choices.join(', ')}`,
  ] as const;
  const words = (name: string): string[] => text(name).split(/[\s,]+/).filter((word) => word !== '');
  return {
    managerNamespace: required(names.managerNamespace),
    podName: required(names.podName),
    podIp: required(names.podIp),
    serverPort: read(names.serverPort, '8081', port, 'a port'),
    healthPort: read(names.healthPort, String(managerHealthPort), port, 'a port'),
    prometheusPort: read(names.prometheusPort, '0', port, 'a port'),
    logLevel: read(names.logLevel, 'info', ...choice(managerLogLevels)),
    podCidrStrategy: read(names.podCidrStrategy, 'auto', ...choice(podCidrStrategies)),
    podCidrs: words(names.podCidrs),
    managedNamespaces: words(names.managedNamespaces),
    managedNamespaceSelector: read(names.managedNamespaceSelector, 'null', selector, 'a label selector as JSON') ?? undefined,
    workloads: read(names.workloads, 'deployments replicaSets statefulSets', kinds, `some of ${workloadKinds.join(', ')}`),
    grpcMaxReceiveBytes: read(names.grpcMaxReceiveSize, '4Mi', parseByteQuantity, 'a size such as 4Mi'),
    connectionTtlMs: read(names.connectionTtl, '24h', parseGoDuration, 'a duration such as 24h'),
    agentArrivalTimeoutMs: read(names.agentArrivalTimeout, '30s', parseGoDuration, 'a duration such as 30s'),
    image: text(names.image),
  };
}

function port(value: string): number | undefined {
  const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
  return number <= 65_535 ? number : undefined;
}

function selector(value: string): LabelSelector | null | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as LabelSelector | null) : undefined;
  } catch {
    return undefined;
  }
}

function kinds(value: string): readonly WorkloadKind[] | undefined {
  const found = value.split(/[\s,]+/).map((word) => workloadKinds.find((kind) => kind === word));
  return found.includes(undefined) ? undefined : found.flatMap((kind) => kind ?? []);
}

function invalid(name: string, problem: string): AppError {
  return new AppError({ code: 'config.invalid', message: `The environment variable ${name} ${problem}` });
}
