import * as z from 'zod/mini';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';
import type { LogLevel } from '#base/common/log.ts';
import { parseGoDuration } from '#protocol/chart/go-duration.ts';
import {
  type LabelSelector,
  managerHealthPort,
  managerVariables,
  podCidrStrategies,
  workloadKinds,
} from '#protocol/chart/manager-environment.ts';
import { parseByteQuantity } from '#protocol/chart/quantity.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { parseLogLevel } from './manager-log.ts';

export type PodCidrStrategy = (typeof podCidrStrategies)[number];

export type WorkloadKindName = (typeof workloadKinds)[number];

/** The settings of the traffic-manager, as the chart writes them into its pod's environment. */
export interface ManagerSettings {
  readonly namespace: string;
  readonly podIp: string;
  readonly podName: string;
  readonly serverPort: number;
  readonly healthPort: number;
  /** 0: no metrics. */
  readonly prometheusPort: number;
  readonly logLevel: LogLevel;
  readonly podCidrStrategy: PodCidrStrategy;
  readonly podCidrs: readonly Cidr[];
  /** Empty: all. */
  readonly managedNamespaces: readonly string[];
  /** `undefined`: none. The list above comes first. */
  readonly managedNamespaceSelector: LabelSelector | undefined;
  readonly workloads: readonly WorkloadKindName[];
  readonly clientConnectionTtlMs: number;
  /** How long an agent may take to call, from when its pod is there. */
  readonly agentArrivalTimeoutMs: number;
  /** Names of variables that laptops do not get. */
  readonly excludedVariables: ReadonlySet<string>;
  readonly agentImage: string;
  readonly maxReceiveBytes: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const defaultServerPort = 8081;
const defaultClientTtlMs = 24 * 3_600_000;
const defaultAgentArrivalTimeoutMs = 30_000;
const defaultMaxReceiveBytes = 4 * 1024 * 1024;
const defaultWorkloads: readonly WorkloadKindName[] = ['deployments', 'replicaSets', 'statefulSets'];

/**
 * Reads the environment; what is not set has its default.
 *
 * @throws AppError `config.invalid`, naming the variable.
 */
export function readEnvironment(env: Env): ManagerSettings {
  const names = managerVariables;
  return {
    namespace: read(env, names.managerNamespace, 'ambassador', (text) => text),
    podIp: env[names.podIp] ?? '',
    podName: env[names.podName] ?? '',
    serverPort: read(env, names.serverPort, defaultServerPort, parsePort),
    healthPort: read(env, names.healthPort, managerHealthPort, parsePort),
    prometheusPort: read(env, names.prometheusPort, 0, parsePort),
    logLevel: read(env, names.logLevel, 'info', parseLogLevel),
    podCidrStrategy: read<PodCidrStrategy>(env, names.podCidrStrategy, 'auto', oneOf(podCidrStrategies)),
    podCidrs: read<readonly Cidr[]>(env, names.podCidrs, [], listOf(parseCidr)),
    managedNamespaces: read<readonly string[]>(
      env,
      names.managedNamespaces,
      [],
      listOf((text) => text),
    ),
    managedNamespaceSelector: read<LabelSelector | undefined>(env, names.managedNamespaceSelector, undefined, parseSelector),
    workloads: read(env, names.workloads, defaultWorkloads, listOf(oneOf(workloadKinds))),
    clientConnectionTtlMs: read(env, names.clientConnectionTtl, defaultClientTtlMs, parseGoDuration),
    agentArrivalTimeoutMs: read(env, names.agentArrivalTimeout, defaultAgentArrivalTimeoutMs, parseGoDuration),
    excludedVariables: new Set(
      read<readonly string[]>(
        env,
        names.interceptEnvironmentExcluded,
        [],
        listOf((text) => text),
      ),
    ),
    agentImage: env[names.agentImage] ?? '',
    maxReceiveBytes: read(env, names.grpcMaxReceiveSize, defaultMaxReceiveBytes, parseByteQuantity),
  };
}

function read<T>(env: Env, name: string, fallback: T, parse: (text: string) => T | undefined): T {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = parse(text);
  if (value === undefined) {
    throw new AppError({ code: 'config.invalid', message: `The variable ${name} has a value that cannot be used: ${text}` });
  }
  return value;
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) < 65_536 ? Number(text) : undefined;
}

const selectorSchema = z.object({
  matchLabels: z.optional(z.record(z.string(), z.string())),
  matchExpressions: z.optional(
    z.array(
      z.object({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.optional(z.array(z.string())),
      }),
    ),
  ),
});

function parseSelector(text: string): LabelSelector | undefined {
  try {
    // What is absent is absent in JSON, too.
    return selectorSchema.parse(JSON.parse(text)) as LabelSelector;
  } catch {
    return undefined;
  }
}

function oneOf<const T extends string>(known: readonly T[]): (text: string) => T | undefined {
  return (text) => known.find((entry) => entry === text);
}

/** Between blanks; one entry that cannot be read spoils the list. */
function listOf<T>(parse: (text: string) => T | undefined): (text: string) => readonly T[] | undefined {
  return (text) => {
    const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
    const values = entries.flatMap((entry) => parse(entry) ?? []);
    return values.length === entries.length ? values : undefined;
  };
}
