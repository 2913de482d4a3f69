import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { type LoadedConfig, loadConfig, showConfig } from '../config/load-config.ts';
import type { SettingsSources } from './connection.ts';
import type { ConnectionSettings } from './settings.ts';
import type { WorkerInput } from './worker-messages.ts';

/** The configuration that counts, from all its sources, and a way to show it. */
export interface EffectiveConfig extends LoadedConfig {
  view(): CallOutput<'viewConfig'>;
}

export function effectiveConfig(
  place: { readonly configFile: string; readonly logDirectory: string },
  { extension, pushedYaml }: SettingsSources,
): EffectiveConfig {
  const loaded = loadConfig({
    configFile: place.configFile,
    ...(pushedYaml === undefined ? {} : { pushedYaml }),
    ...(extension === undefined ? {} : { kubeconfigExtension: extension }),
  });
  return {
    ...loaded,
    view: () => ({
      config: showConfig(loaded.config),
      sources: { ...loaded.sources },
      configFile: place.configFile,
      logDirectory: place.logDirectory,
    }),
  };
}

/** Flags of the request win; lists of subnets are joined. */
export function settingsOf(
  { config }: LoadedConfig,
  { request, managerNamespaceEnv }: Pick<WorkerInput, 'request' | 'managerNamespaceEnv'>,
): ConnectionSettings {
  const { cluster, dns, logLevels, routing, timeouts } = config;
  const mapped = request.mappedNamespaces ?? cluster.mappedNamespaces;
  return {
    managerNamespace: request.managerNamespace ?? managerNamespaceEnv ?? cluster.defaultManagerNamespace,
    mappedNamespaces: mapped.includes('all') ? [] : mapped,
    alsoProxy: [...(request.alsoProxy ?? []), ...routing.alsoProxySubnets],
    neverProxy: [...(request.neverProxy ?? []), ...routing.neverProxySubnets],
    allowConflicting: [...(request.allowConflictingSubnets ?? []), ...routing.allowConflictingSubnets],
    virtualSubnet: routing.virtualSubnet,
    autoResolveConflicts: routing.autoResolveConflicts,
    dns: {
      includeSuffixes: dns.includeSuffixes,
      excludeSuffixes: dns.excludeSuffixes,
      excludes: dns.excludes,
      mappings: dns.mappings,
      lookupTimeoutMs: dns.lookupTimeout,
      recursionCheck: dns.recursionCheck,
      localAddresses: dns.localAddresses,
    },
    agentPortForward: cluster.agentPortForward,
    dialTimeoutMs: timeouts.endpointDial + timeouts.roundtripLatency,
    connectTimeoutMs: timeouts.trafficManagerConnect,
    interceptTimeoutMs: timeouts.intercept,
    helperLogLevel: logLevels.rootDaemon,
  };
}
