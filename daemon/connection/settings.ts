import type { LogLevel } from '#base/common/log.ts';

/** What configuration decides about a connection, from all sources merged. Lists of the request are already in. */
export interface ConnectionSettings {
  readonly managerNamespace: string;
  readonly mappedNamespaces: readonly string[];
  readonly alsoProxy: readonly string[];
  readonly neverProxy: readonly string[];
  readonly allowConflicting: readonly string[];
  readonly virtualSubnet: string;
  readonly autoResolveConflicts: boolean;
  readonly dns: {
    readonly includeSuffixes: readonly string[];
    readonly excludeSuffixes: readonly string[];
    readonly excludes: readonly string[];
    readonly mappings: readonly { readonly name: string; readonly aliasFor: string }[];
    readonly lookupTimeoutMs: number;
    readonly recursionCheck: boolean;
    /** Name servers to ask instead of those that were in use before; empty: those. */
    readonly localAddresses: readonly string[];
  };
  /** Whether pods with an agent are reached without the detour over the traffic-manager. */
  readonly agentPortForward: boolean;
  readonly dialTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How much the helper logs. */
  readonly helperLogLevel: LogLevel;
  /** Until an agent has taken an intercept. */
  readonly interceptTimeoutMs: number;
}
