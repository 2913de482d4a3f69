/**
 * Every failure that a person can meet, by code. The CLI's exit code and the anchor in the documentation come from here.
 *
 * `category` says whose move it is: `user` (the request), `config` (settings or the cluster's set-up), `environment` (the
 * laptop, the network, the cluster's state) or `internal` (a defect: the message then points at the logs).
 */
export interface ErrorEntry {
  readonly category: 'user' | 'config' | 'environment' | 'internal';
  /** Exit code of a CLI command that ends with this error: 1–125. */
  readonly exitCode: number;
}

const user = (exitCode: number): ErrorEntry => ({ category: 'user', exitCode });
const config = (exitCode: number): ErrorEntry => ({ category: 'config', exitCode });
const environment = (exitCode: number): ErrorEntry => ({ category: 'environment', exitCode });

/**
 * Exit codes: 1 anything without one of its own, 2 usage, 3 not connected, 4 cluster or credentials, 5 permissions in the
 * cluster, 6 traffic-manager, 7 privileges or devices of the laptop, 8 conflict with what is there, 9 time-out, 130 cancelled.
 */
export const errorRegistry = {
  internal: { category: 'internal', exitCode: 1 },
  usage: user(2),
  cancelled: user(130),
  timeout: environment(9),
  'not-found': user(1),
  unsupported: user(2),
  'version-mismatch': environment(1),

  'daemon.not-running': environment(3),
  'daemon.start-failed': environment(1),
  'daemon.lost': environment(1),
  'daemon.refused': environment(3),
  'subscription.lagging': environment(1),

  'config.invalid': config(2),
  'kubeconfig.unreadable': config(4),
  'kubeconfig.invalid': config(4),
  'kubeconfig.no-context': user(4),
  'kubeconfig.auth-plugin-missing': config(4),
  'kubeconfig.auth-plugin-failed': config(4),

  'cluster.unreachable': environment(4),
  'cluster.unauthenticated': config(4),
  'cluster.certificate': config(4),
  'cluster.forbidden': config(5),
  'cluster.api': environment(4),
  'cluster.namespace-not-found': user(4),

  'manager.not-installed': config(6),
  'manager.not-ready': environment(6),
  'manager.unreachable': environment(6),
  'manager.session-lost': environment(6),
  'manager.too-old': config(6),
  'manager.namespace-not-managed': config(6),
  'manager.busy': environment(6),

  'install.values-invalid': user(2),
  'install.failed': environment(6),
  'install.conflict': config(8),
  'install.not-found': user(6),

  'connection.none': user(3),
  'connection.ambiguous': user(2),
  'connection.must-restart': user(8),
  'connection.lost': environment(6),

  'workload.not-found': user(1),
  'workload.ambiguous': user(2),
  'workload.not-interceptable': config(1),
  'workload.not-ready': environment(6),
  'agent.failed': environment(6),

  'sandbox.unsupported': environment(7),

  'engagement.exists': user(8),
  'engagement.not-found': user(1),
  'engagement.laptop-port-in-use': user(8),
  'engagement.conflict': user(8),
  'engagement.refused': user(1),
  'engagement.failed': environment(6),
  'engagement.removed': environment(6),
  'engagement.environment': user(2),
  'engagement.handler': user(1),

  'helper.not-running': environment(7),
  'helper.refused': environment(7),
  'helper.privileges': environment(7),
  'helper.invalid-request': environment(7),
  'interface.no-tun': environment(7),
  'interface.failed': environment(7),
  'route.overlap': environment(8),
  'route.failed': environment(7),
  'dns.hook-failed': environment(7),
  'dns.verify-failed': environment(7),
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = keyof typeof errorRegistry;

/** Whether a text that came from elsewhere is a code of ours. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorRegistry, code);
}
