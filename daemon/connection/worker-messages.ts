import type { LogLevel } from '#base/common/log.ts';
import type { HelperLaunch } from '#base/node/helper-launch.ts';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallOutput } from '#protocol/local-api/local-api.ts';
import type { Connection, ConnectRequest, Engagement, HealthCondition, InterceptRequest } from '#protocol/local-api/model.ts';
import type { DnsVerification } from '../dns/verify-dns.ts';
import type { AgentVersion } from '../link/list-agents.ts';
import type { RawTraffic } from '../traffic/raw-traffic.ts';
import type { TrafficWatch } from '../traffic/watch-traffic.ts';
import type { ClusterPlan } from '../workloads/plan-in-cluster.ts';
import type { Pause } from './pauses.ts';

/** What a connection's thread is started with. */
export interface WorkerInput {
  readonly name: string;
  readonly request: ConnectRequest;
  readonly helperSocket: string;
  readonly helper: HelperLaunch;
  readonly configFile: string;
  readonly installId: string;
  /** It was paused by an earlier daemon. */
  readonly pause?: Pause | undefined;
  readonly logDirectory: string;
  /** Where wanted engagements are kept. */
  readonly engagementsFile: string;
  readonly logFile: string;
  readonly logLevel: LogLevel;
  /** Overrides of the environment where the command ran. */
  readonly managerNamespaceEnv: string | undefined;
}

/** What can be asked of a connection's thread; `connect` and `disconnect` come once each. */
export interface WorkerCalls {
  /** Refuses what `connect` would refuse without asking anybody else. */
  check: { input: Record<string, never>; event: never; output: Record<string, never> };
  connect: { input: Record<string, never>; event: never; output: Connection };
  disconnect: { input: Record<string, never>; event: never; output: Record<string, never> };
  listWorkloads: { input: { namespace: string | undefined }; event: never; output: CallOutput<'listWorkloads'> };
  watchWorkloads: { input: { namespace: string | undefined }; event: CallEvent<'watchWorkloads'>; output: Record<string, never> };
  setManagerLogLevel: { input: { level: LogLevel; durationMs: number }; event: never; output: Record<string, never> };
  setLogLevel: { input: { level: LogLevel; durationMs: number }; event: never; output: Record<string, never> };
  viewConfig: { input: Record<string, never>; event: never; output: CallOutput<'viewConfig'> };
  intercept: { input: { request: InterceptRequest }; event: CallEvent<'intercept'>; output: CallOutput<'intercept'> };
  leave: { input: { name: string }; event: never; output: CallOutput<'leave'> };
  uninstallAgents: {
    input: { workloads: readonly string[]; all: boolean };
    event: never;
    output: CallOutput<'uninstallAgents'>;
  };
  readEnvironment: { input: { name: string }; event: never; output: CallOutput<'readEnvironment'> };
  restartHandler: { input: { name: string }; event: never; output: Record<string, never> };
  stopHandler: { input: { name: string }; event: never; output: Record<string, never> };
  planIntercept: { input: { request: InterceptRequest }; event: never; output: ClusterPlan };
  revoke: { input: { id: string }; event: never; output: { owner: string } };
  listAgents: { input: Record<string, never>; event: never; output: { agents: AgentVersion[] } };
  pause: { input: Pause; event: never; output: Record<string, never> };
  resume: { input: Record<string, never>; event: never; output: Record<string, never> };
  verifyDns: { input: Record<string, never>; event: never; output: DnsVerification };
  setDnsPeers: { input: { addresses: readonly string[] }; event: never; output: Record<string, never> };
  watchTraffic: { input: TrafficWatch; event: CallEvent<'watchTraffic'>; output: Record<string, never> };
  readTraffic: { input: { ids: readonly number[] }; event: never; output: { traffic: readonly RawTraffic[] } };
  clearTraffic: { input: Record<string, never>; event: never; output: Record<string, never> };
  checkNow: { input: Record<string, never>; event: never; output: Record<string, never> };
}

export type WorkerCallName = keyof WorkerCalls;

export type ToWorker =
  | { readonly kind: 'call'; readonly id: number; readonly call: WorkerCallName; readonly input: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'changed'; readonly connection: Connection }
  /** Without a value: it is gone. */
  | { readonly kind: 'engagement'; readonly name: string; readonly engagement: Engagement | undefined }
  | { readonly kind: 'health'; readonly conditions: readonly HealthCondition[] }
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'output'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorData };
