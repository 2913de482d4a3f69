import {
  byteSize,
  choice,
  duration,
  flag,
  list,
  parseAddress,
  parseName,
  requiredText,
  type Setting,
  subnet,
  subnets,
  text,
  unfit,
} from './setting.ts';

const logLevel = choice(['error', 'warn', 'info', 'debug', 'trace'], 'info');
const names = () => list(parseName);
const namespacePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Every key that has an effect, by group. Durations are milliseconds, sizes bytes, subnets canonical text. */
export const configSchema = {
  cluster: {
    defaultManagerNamespace: requiredText('ambassador', namespacePattern, 'a namespace'),
    /** None: all that the user may see. */
    mappedNamespaces: names(),
    /** Whether pods with an agent are reached without the detour over the manager. */
    agentPortForward: flag(true),
  },
  dns: {
    excludes: names(),
    mappings: list(parseMapping),
    excludeSuffixes: list(parseName, (name) => name, { initial: ['.com', '.io', '.net', '.org', '.ru'] }),
    includeSuffixes: names(),
    /** Resolvers for everything that is not the cluster's, instead of the ones that were found. */
    localAddresses: list(parseAddress),
    lookupTimeout: duration('4s'),
    recursionCheck: flag(false),
  },
  grpc: {
    maxReceiveSize: byteSize('4Mi'),
    connectionTTL: duration('24h'),
  },
  images: {
    registry: requiredText('ghcr.io/telepresenceio'),
    agentImage: text(undefined),
    clientImage: text(undefined),
  },
  logLevels: { userDaemon: logLevel, rootDaemon: logLevel },
  routing: {
    alsoProxySubnets: subnets({ isUnion: true }),
    neverProxySubnets: subnets({ isUnion: true }),
    allowConflictingSubnets: subnets(),
    virtualSubnet: subnet('246.246.0.0/16'),
    autoResolveConflicts: flag(true),
  },
  timeouts: {
    clusterConnect: duration('20s'),
    connectivityCheck: duration('500ms', 5_000),
    endpointDial: duration('3s'),
    roundtripLatency: duration('2s'),
    intercept: duration('30s'),
    proxyDial: duration('5s'),
    trafficManagerConnect: duration('60s'),
    trafficManagerAPI: duration('15s'),
    helm: duration('30s'),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;

type Schema = typeof configSchema;

/** The effective configuration: every key has a value. */
export type ClientConfig = {
  readonly [Group in keyof Schema]: {
    readonly [Key in keyof Schema[Group]]: Schema[Group][Key] extends { parse(value: unknown): infer Value } ? Value : never;
  };
};

/**
 * Keys that configurations for Telepresence may hold and that change nothing here: other means do their work, or what they are about
 * is not there yet. Groups end with a dot.
 */
export const unusedKeys: readonly string[] = [
  'cluster.connectFromRootDaemon',
  'cluster.forceSPDY',
  'cluster.virtualIPSubnet',
  'cluster.managerAddress',
  'cluster.managerServerCA',
  'dns.useComplexLookup',
  'docker.',
  'grpc.daemonPort',
  'grpc.teleroutePort',
  'helm.',
  'images.webhookRegistry',
  'images.webhookAgentImage',
  'intercept.',
  // The command line says what there is to say, and keeps no log.
  'logLevels.cli',
  'logLevels.kubeAuthDaemon',
  'network.',
  'nodeAgent.',
  'routing.recursionBlockDuration',
  'telepresenceAPI.',
  'timeouts.agentInstall',
  'timeouts.apply',
  'timeouts.ftpReadWrite',
  'timeouts.ftpShutdown',
  'usage.',
];

/** Spellings of old configuration files and kubeconfig extensions. */
export const formerKeys: Readonly<Record<string, string>> = {
  'also-proxy': 'routing.alsoProxySubnets',
  'never-proxy': 'routing.neverProxySubnets',
  'allow-conflicting-subnets': 'routing.allowConflictingSubnets',
  'manager.namespace': 'cluster.defaultManagerNamespace',
  'dns.exclude-suffixes': 'dns.excludeSuffixes',
  'dns.include-suffixes': 'dns.includeSuffixes',
  'dns.lookup-timeout': 'dns.lookupTimeout',
  'dns.local-ip': 'dns.localAddresses',
  'dns.localIP': 'dns.localAddresses',
};

function parseMapping(value: unknown): { readonly name: string; readonly aliasFor: string } {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('aliasFor' in value)) {
    throw unfit(value, 'a mapping with name and aliasFor');
  }
  const { name, aliasFor } = value;
  // An IPv6 address is the one thing that is no name by its form.
  return {
    name: parseName(name),
    aliasFor: typeof aliasFor === 'string' && aliasFor.includes(':') ? parseAddress(aliasFor) : parseName(aliasFor),
  };
}
