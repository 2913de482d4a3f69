import { parseCidr, type Cidr } from '#base/common/cidr.ts';
import type { LogLevel } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { PodCidrStrategy } from './info/subnet-source.ts';
import { parseLogLevel } from './manager-log.ts';

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
  readonly clientConnectionTtlMs: number;
  readonly agentImage: string;
  readonly maxReceiveBytes: number;
  readonly telepresenceApiPort: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const hourMs = 3_600_000;
const strategies: readonly PodCidrStrategy[] = ['auto', 'nodePodCIDRs', 'coverPodIPs', 'environment'];

/**
 * Reads the environment; what is not set has its default.
 *
 * @throws AppError `config.invalid`, naming the variable.
 */
export function readEnvironment(env: Env): ManagerSettings {
  return {
    namespace: env['MANAGER_NAMESPACE'] || 'ambassador',
    podIp: env['POD_IP'] ?? '',
    podName: env['POD_NAME'] ?? '',
    serverPort: readPort(env, 'SERVER_PORT', 8081),
    healthPort: readPort(env, 'HEALTH_PORT', 8082),
    prometheusPort: readPort(env, 'PROMETHEUS_PORT', 0),
    logLevel: read(env, 'LOG_LEVEL', 'info', parseLogLevel),
    podCidrStrategy: read<PodCidrStrategy>(env, 'POD_CIDR_STRATEGY', 'auto', (text) => strategies.find((name) => name === text)),
    podCidrs: readList(env, 'POD_CIDRS').map((text) => parseCidr(text) ?? invalid('POD_CIDRS', text)),
    managedNamespaces: readList(env, 'MANAGED_NAMESPACES'),
    clientConnectionTtlMs: read(env, 'CLIENT_CONNECTION_TTL', 24 * hourMs, parseDuration),
    agentImage: env['AGENT_IMAGE'] ?? '',
    maxReceiveBytes: read(env, 'GRPC_MAX_RECEIVE_SIZE', 4 * 1024 * 1024, parseQuantity),
    telepresenceApiPort: readPort(env, 'TELEPRESENCE_API_PORT', 0),
  };
}

/** Reads Go's form: `24h`, `1h30m`, `1.5s`, `300ms`. Milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: hourMs };
  let totalMs = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) totalMs += Number(amount) * (units[unit] ?? 0);
  return totalMs;
}

/** Reads Kubernetes' form: `4Mi`, `512Ki`, `4M`, `4194304`. Bytes. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)?$/.exec(text);
  if (match === null) return undefined;
  const units: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, k: 1e3, M: 1e6, G: 1e9 };
  return Math.round(Number(match[1]) * (match[2] === undefined ? 1 : (units[match[2]] ?? 1)));
}

function read<T>(env: Env, name: string, fallback: T, parse: (text: string) => T | undefined): T {
  const text = env[name];
  return text === undefined || text === '' ? fallback : (parse(text) ?? invalid(name, text));
}

function readPort(env: Env, name: string, fallback: number): number {
  return read(env, name, fallback, (text) => (/^\d{1,5}$/.test(text) && Number(text) < 65_536 ? Number(text) : undefined));
}

/** Between commas or blanks. */
function readList(env: Env, name: string): readonly string[] {
  return (env[name] ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
}

function invalid(name: string, text: string): never {
  throw new AppError({ code: 'config.invalid', message: `The variable ${name} has a value that cannot be used: ${text}` });
}
