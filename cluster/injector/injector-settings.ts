import { idlePaths, injectPolicies, managerVariables } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type IdlePath, type MountPolicy, parseMountPolicies } from './inject-annotations.ts';

export type InjectPolicy = (typeof injectPolicies)[number];

/** What the chart says about agents. */
export interface InjectorSettings {
  readonly isEnabled: boolean;
  readonly policy: InjectPolicy;
  /** The first port that agents listen on. */
  readonly agentPort: number;
  /** The way of TCP connections while nobody intercepts; a pod's annotation goes first. */
  readonly idlePath: IdlePath;
  readonly logLevel: string;
  readonly pullPolicy: string;
  readonly pullSecrets: readonly string[];
  /** Whether pods may get the init container, which asks for NET_ADMIN. */
  readonly hasInitContainer: boolean;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly initResources: Readonly<Record<string, unknown>>;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly mountPolicies: Readonly<Record<string, MountPolicy>>;
  readonly arrivalTimeoutMs: number;
}

/**
 * Reads the environment of the traffic-manager; what is not set has its default.
 *
 * @throws AppError `config.invalid`, naming the variable.
 */
export function readInjectorSettings(
  env: Readonly<Record<string, string | undefined>>,
  arrivalTimeoutMs = 30_000,
): InjectorSettings {
  const names = managerVariables;
  const policy = env[names.agentInjectPolicy] ?? 'OnDemand';
  const agentPort = Number(env[names.agentPort] ?? '9900');
  const known = injectPolicies.find((entry) => entry === policy);
  if (known === undefined) throw invalid(names.agentInjectPolicy, policy);
  const idlePath = env[names.agentIdlePath] ?? 'relay';
  const knownPath = idlePaths.find((entry) => entry === idlePath);
  if (knownPath === undefined) throw invalid(names.agentIdlePath, idlePath);
  if (!Number.isInteger(agentPort) || agentPort < 1 || agentPort > 65_000) throw invalid(names.agentPort, String(agentPort));
  return {
    isEnabled: env[names.agentInjector] !== 'false',
    policy: known,
    agentPort,
    idlePath: knownPath,
    logLevel: env[names.agentLogLevel] ?? env[names.logLevel] ?? 'info',
    pullPolicy: env[names.agentPullPolicy] ?? 'IfNotPresent',
    pullSecrets: (env[names.agentPullSecrets] ?? '').split(/\s+/).filter((name) => name !== ''),
    hasInitContainer: env[names.agentInitContainer] !== 'false',
    resources: readMap(env, names.agentResources),
    initResources: readMap(env, names.agentInitResources),
    securityContext: readMap(env, names.agentSecurityContext),
    mountPolicies: parseMountPolicies(env[names.agentMountPolicies] ?? '{"/tmp":"Local"}'),
    arrivalTimeoutMs,
  };
}

function readMap(env: Readonly<Record<string, string | undefined>>, name: string): Readonly<Record<string, unknown>> {
  const text = env[name];
  if (text === undefined || text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw invalid(name, text);
}

function invalid(name: string, text: string): AppError {
  return new AppError({ code: 'config.invalid', message: `The variable ${name} has a value that cannot be used: ${text}` });
}
