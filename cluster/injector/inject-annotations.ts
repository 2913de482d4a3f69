import { idlePaths } from '#protocol/chart/manager-environment.ts';

/** Both prefixes are read; the first is what is written today. */
const prefixes = ['telepresence.io/', 'telepresence.getambassador.io/'] as const;

export type IdlePath = (typeof idlePaths)[number];

export type MountPolicy = 'Ignore' | 'Local' | 'Remote' | 'RemoteReadOnly';

const mountPolicyNames: readonly MountPolicy[] = ['Ignore', 'Local', 'Remote', 'RemoteReadOnly'];

/** What the annotations of a pod template say about injection. */
export interface InjectAnnotations {
  /** `undefined`: they say nothing; `invalid`: something that is no answer. */
  readonly injection: 'enabled' | 'disabled' | 'invalid' | undefined;
  /** Somebody has written the agent into the template. */
  readonly isManual: boolean;
  /** Only this Service counts. */
  readonly serviceName: string | undefined;
  /** Only these ports of Services count, by name or number. Empty: all. */
  readonly servicePorts: readonly string[];
  /** Container ports that count without a Service: name or number, `/UDP` behind it for UDP. */
  readonly containerPorts: readonly string[];
  readonly ignoredVolumes: readonly string[];
  /** By volume name, or by the start of a path, which begins with `/`. */
  readonly mountPolicies: Readonly<Record<string, MountPolicy>>;
  /** `undefined`: the installer's value counts; `invalid`: something that is no answer. */
  readonly idlePath: IdlePath | 'invalid' | undefined;
}

export function readInjectAnnotations(annotations: Readonly<Record<string, string>> | undefined): InjectAnnotations {
  const find = (...keys: readonly string[]) => {
    for (const key of keys) {
      for (const prefix of prefixes) {
        const value = annotations?.[`${prefix}${key}`];
        if (value !== undefined) return value.trim();
      }
    }
    return undefined;
  };
  const list = (...keys: readonly string[]) => (find(...keys) ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  const serviceName = find('inject-service-name');
  return {
    injection: injectionOf(find('inject-traffic-agent')),
    isManual: find('manually-injected') === 'true',
    serviceName: serviceName === '' ? undefined : serviceName,
    servicePorts: list('inject-service-ports', 'inject-service-port'),
    containerPorts: list('inject-container-ports'),
    ignoredVolumes: list('inject-ignore-volume-mounts'),
    mountPolicies: parseMountPolicies(find('mount-policies') ?? '{}'),
    idlePath: idlePathOf(find('idle-path')),
  };
}

/** The entries of a JSON map that are policies; others are as if they were not there. */
export function parseMountPolicies(text: string): Readonly<Record<string, MountPolicy>> {
  try {
    const entries = Object.entries(JSON.parse(text) as Readonly<Record<string, unknown>>);
    return Object.fromEntries(
      entries.flatMap(([key, value]) => {
        const policy = mountPolicyNames.find((name) => name === value);
        return policy === undefined ? [] : [[key, policy]];
      }),
    );
  } catch {
    return {};
  }
}

function idlePathOf(value: string | undefined): InjectAnnotations['idlePath'] {
  if (value === undefined || value === '') return undefined;
  return idlePaths.find((path) => path === value) ?? 'invalid';
}

function injectionOf(value: string | undefined): InjectAnnotations['injection'] {
  switch (value) {
    case undefined:
    case '':
      return undefined;
    case 'enabled':
    case 'true':
      return 'enabled';
    case 'disabled':
    case 'false':
      return 'disabled';
    default:
      return 'invalid';
  }
}
