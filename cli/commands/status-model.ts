import { assertNever } from '#base/common/assert-never.ts';
import { productVersion } from '#base/common/version.ts';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { Connection, ConnectionState, DaemonState, Engagement } from '#protocol/local-api/model.ts';

/** The one word for a connection that every part of the product uses. */
export function connectionWord(state: ConnectionState): 'off' | 'connecting' | 'on' | 'paused' | 'trouble' {
  switch (state.kind) {
    case 'off':
      return state.error === undefined ? 'off' : 'trouble';
    case 'connecting':
      return 'connecting';
    case 'on':
      return 'on';
    case 'degraded':
    case 'reconnecting':
      return 'trouble';
    case 'paused':
      return 'paused';
    default:
      return assertNever(state);
  }
}

/** The status in the words that scripts know from the classic command. */
export function statusText(state: ConnectionState | undefined): string {
  if (state === undefined) return 'Not connected';
  if (state.kind === 'on' || state.kind === 'degraded') return 'Connected';
  if (state.kind === 'paused') return 'Paused';
  const error = failureOf(state);
  if (error === undefined) return 'Not connected';
  if (error.code === 'connection.must-restart') return 'Connected, but must restart';
  if (error.code === 'cluster.forbidden') return 'Not authorized to connect';
  if (error.code === 'cluster.unauthenticated' || error.code.startsWith('kubeconfig.auth-plugin')) return 'Not logged in';
  if (error.code.startsWith('cluster.') || error.code.startsWith('kubeconfig.')) return 'Not connected, error talking to cluster';
  if (error.code.startsWith('manager.')) return 'Not connected, error talking to in-cluster Telepresence traffic-manager';
  return 'Not connected';
}

export function failureOf(state: ConnectionState): ErrorData | undefined {
  if (state.kind === 'off') return state.error as ErrorData | undefined;
  return state.kind === 'degraded' || state.kind === 'reconnecting' ? (state.reason as ErrorData) : undefined;
}

/** What `status` prints for one connection, or for none, in its structured form. Absent members are left out by JSON. */
export function statusDocument(
  state: DaemonState,
  connection: Connection | undefined,
  isHelperRunning: boolean,
): Record<string, unknown> {
  return {
    user_daemon: userDaemon(state, connection),
    root_daemon: rootDaemon(connection, isHelperRunning),
    ...(connection?.manager === undefined
      ? {}
      : {
          traffic_manager: {
            name: connection.manager.name,
            version: connection.manager.version,
            traffic_agent: connection.manager.agentImage,
            namespace: connection.manager.namespace,
          },
        }),
    ...healthMember(state, connection),
  };
}

function userDaemon(state: DaemonState, connection: Connection | undefined): Record<string, unknown> {
  const { daemon } = state;
  return dropAbsent({
    running: true,
    in_docker: false,
    name: connection?.name,
    version: daemon.version,
    executable: daemon.executable,
    pid: daemon.pid,
    install_id: daemon.installId,
    status: statusText(connection?.state),
    state: connection === undefined ? 'off' : connectionWord(connection.state),
    paused_until: connection?.state.kind === 'paused' ? connection.state.until : undefined,
    error: connection === undefined ? undefined : failureOf(connection.state)?.message,
    kubernetes_server: connection?.server,
    kubernetes_context: connection?.context,
    namespace: connection?.namespace,
    manager_namespace: connection?.managerNamespace,
    mapped_namespaces: connection?.mappedNamespaces,
    stage_times_ms: connection?.stageTimesMs,
    transport: connection?.transport,
    intercepts: ownEngagements(state, connection).map(({ name, owner }) => ({ name, client: owner })),
  });
}

/** Of this connection, by name. */
export function ownEngagements(state: DaemonState, connection: Connection | undefined): Engagement[] {
  return Object.values(state.engagements)
    .filter((engagement) => engagement.connection === connection?.name)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function rootDaemon(connection: Connection | undefined, isHelperRunning: boolean): Record<string, unknown> {
  if (!isHelperRunning) return { running: false };
  const { dns, routing } = connection ?? {};
  return dropAbsent({
    running: true,
    name: 'helper',
    version: productVersion,
    dns:
      dns === undefined
        ? undefined
        : dropAbsent({
            local_addresses: dns.formerServers,
            remote_ip: dns.address,
            mode: dns.mode,
            cluster_domain: dns.clusterDomain,
            exclude_suffixes: dns.excludeSuffixes,
            include_suffixes: dns.includeSuffixes,
            excludes: dns.excludes,
            mappings: dns.mappings.map(({ name, aliasFor }) => ({ name, alias_for: aliasFor })),
            lookup_timeout: `${dns.lookupTimeoutMs}ms`,
            error: dns.error,
          }),
    interface: routing?.interface,
    addresses: routing?.addresses,
    subnets: routing?.subnets,
    also_proxy: routing?.alsoProxy,
    never_proxy: routing?.neverProxy,
    allow_conflicting: routing?.allowConflicting,
    virtual_subnets: routing?.virtual,
  });
}

/** Conditions of the daemon itself and of this connection, causes only. */
export function relevantHealth(state: DaemonState, connection: Connection | undefined): DaemonState['health'][string][] {
  const all = Object.values(state.health).filter(
    (condition) => condition.connection === undefined || condition.connection === connection?.name,
  );
  const present = new Set(all.map(({ code }) => code));
  return all.filter(({ dependsOn }) => !dependsOn.some((code) => present.has(code)));
}

function healthMember(state: DaemonState, connection: Connection | undefined): Record<string, unknown> {
  const health = relevantHealth(state, connection);
  return health.length === 0 ? {} : { health };
}

function dropAbsent(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
