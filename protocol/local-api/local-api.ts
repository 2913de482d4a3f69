import * as z from 'zod/mini';
import { nothing, stage, use } from './common.ts';
import { diagnoseApi } from './diagnose-api.ts';
import { handlerApi } from './handler-api.ts';
import { logApi } from './log-api.ts';
import {
  agentWorkload,
  connection,
  connectRequest,
  engagement,
  interceptRequest,
  kubeFlags,
  stateEvent,
  workload,
} from './model.ts';
import { preferenceApi } from './preference-api.ts';
import { terminalApi } from './terminal-api.ts';
import { trafficApi } from './traffic-api.ts';
import { workloadApi } from './workload-api.ts';

/**
 * The local API as a value: app, CLI and browser are its equal clients. `input` is validated by the daemon, `event` is what a call
 * reports while it runs (absent: nothing), `output` is how it ends.
 *
 * `subscription`: runs until it is cancelled, every event counts, and a reader that is too slow is dropped with
 * `subscription.lagging`; events of other calls are progress, of which a slow reader misses some. `survivesDisconnect`: goes on when
 * its client goes away, since stopping half-way would be worse; a `cancel` ends it all the same.
 */

const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;

const installTarget = {
  kubeFlags,
  kubeconfigEnv: z.optional(z.string()),
  managerNamespace: z.optional(z.string()),
};

/** Values files (their text) and `--set` forms, in the order given on the command line: later ones win. */
const values = z.array(
  z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('yaml'), source: z.string(), text: z.string() }),
    z.object({ kind: z.literal('set'), expression: z.string() }),
    z.object({ kind: z.literal('set-string'), expression: z.string() }),
    z.object({ kind: z.literal('set-json'), expression: z.string() }),
    z.object({ kind: z.literal('set-file'), expression: z.string(), text: z.string() }),
  ]),
);

export const localApi = {
  /** Snapshot, then deltas. */
  watchState: { input: nothing, event: stateEvent, output: nothing, subscription: true },
  /** Asks a running task to end early. Unknown and ended tasks are left alone. */
  cancelTask: { input: z.strictObject({ id: z.string() }), output: nothing },
  /** Refuses what `connect` would refuse without the cluster and without root: for clients that ask a person for root's rights. */
  checkConnect: { input: connectRequest, output: nothing },
  connect: {
    input: connectRequest,
    /** `stage` is one of `connectStages`, `detail` the same in words. */
    event: z.object({ stage: z.string(), detail: z.optional(z.string()) }),
    output: z.object({ connection, alreadyConnected: z.boolean(), warnings: z.array(z.string()) }),
    survivesDisconnect: true,
  },
  /** Takes interface, routes and DNS away and keeps the session, so that what the connection is for stays. Without `minutes`: until `resume`. */
  pause: {
    input: z.strictObject({ use, minutes: z.optional(z.int().check(z.minimum(1), z.maximum(7 * 24 * 60))) }),
    output: z.object({ connection }),
    survivesDisconnect: true,
  },
  resume: { input: z.strictObject({ use }), event: stage, output: z.object({ connection }), survivesDisconnect: true },
  disconnect: {
    input: z.strictObject({ use }),
    event: stage,
    output: z.object({ disconnected: z.array(z.string()) }),
    survivesDisconnect: true,
  },
  /** Ends every connection and then the daemon and its helper. Clients of other versions may call it too. */
  quit: { input: nothing, event: stage, output: nothing, survivesDisconnect: true },
  listWorkloads: {
    input: z.strictObject({ use, namespace: z.optional(z.string()) }),
    output: z.object({ workloads: z.array(workload) }),
  },
  /** All workloads first, one event each set of changes after. */
  watchWorkloads: {
    input: z.strictObject({ use, namespace: z.optional(z.string()) }),
    event: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('snapshot'), workloads: z.array(workload) }),
      z.object({ kind: z.literal('changed'), workload }),
      z.object({ kind: z.literal('removed'), workload }),
    ]),
    output: nothing,
    subscription: true,
  },
  /** Ends when a request made in the cluster would arrive at the laptop. A cancelled or failed one leaves nothing behind. */
  intercept: {
    input: z.strictObject({ use, request: interceptRequest }),
    event: stage,
    output: z.object({
      engagement,
      /** Of the container, with the additions of `TELEPRESENCE_`: secrets. */
      environment: z.record(z.string(), z.string()),
      warnings: z.array(z.string()),
    }),
  },
  /** Ends an engagement. Without a way to the cluster it ends on the laptop at once, and in the cluster as soon as there is one. */
  leave: {
    input: z.strictObject({ use, name: z.string() }),
    event: stage,
    output: z.object({ engagement }),
    survivesDisconnect: true,
  },
  /** Takes agents out of the named workloads of the connected namespace, or out of all of the traffic-manager's. Ends their intercepts. */
  uninstallAgents: {
    input: z.strictObject({ use, workloads: z.array(z.string()), all: z.boolean() }),
    event: stage,
    /** Those that had agents. */
    output: z.object({ removed: z.array(agentWorkload) }),
    survivesDisconnect: true,
  },
  listContexts: {
    input: z.strictObject({ kubeFlags, kubeconfigEnv: z.optional(z.string()) }),
    output: z.object({
      contexts: z.array(
        z.object({
          name: z.string(),
          cluster: z.string(),
          user: z.string(),
          namespace: z.string(),
          server: z.string(),
          current: z.boolean(),
        }),
      ),
    }),
  },
  listNamespaces: {
    input: z.strictObject({ kubeFlags, kubeconfigEnv: z.optional(z.string()) }),
    output: z.object({ namespaces: z.array(z.string()) }),
  },
  install: {
    input: z.strictObject({
      ...installTarget,
      action: z.enum(['install', 'upgrade']),
      values,
      /** Upgrade only: start from the built-in values, or from those of the release. Default: the release's where no values are given. */
      base: z.optional(z.enum(['reset', 'reuse'])),
      createNamespace: z.boolean(),
      dryRun: z.boolean(),
      timeoutMs: z.optional(z.number()),
    }),
    event: stage,
    output: z.object({ version: z.string(), revision: z.int(), namespace: z.string(), manifest: z.string() }),
    survivesDisconnect: true,
  },
  uninstall: {
    input: z.strictObject({
      ...installTarget,
      dryRun: z.boolean(),
      /** Leaves agents in the pods: for a traffic-manager that is about to come back. */
      keepAgents: z.optional(z.boolean()),
    }),
    event: stage,
    output: z.object({ removed: z.array(z.string()), namespace: z.string() }),
    survivesDisconnect: true,
  },
  lintValues: {
    input: z.strictObject({ values }),
    output: z.object({ problems: z.array(z.object({ path: z.string(), message: z.string() })) }),
  },
  setLogLevel: {
    input: z.strictObject({
      use,
      level: z.enum(logLevels),
      /** 0 keeps it until it is set again. */
      durationMs: z.number(),
      scope: z.enum(['all', 'local', 'remote']),
    }),
    output: nothing,
  },
  /** Effective configuration with the source of each value. */
  viewConfig: {
    input: z.strictObject({ use, clientOnly: z.boolean() }),
    output: z.object({
      config: z.record(z.string(), z.unknown()),
      sources: z.record(z.string(), z.string()),
      configFile: z.string(),
      logDirectory: z.string(),
    }),
  },
  ...workloadApi,
  ...handlerApi,
  ...terminalApi,
  ...logApi,
  ...trafficApi,
  ...diagnoseApi,
  ...preferenceApi,
} as const;

export type LocalApi = typeof localApi;
export type CallName = keyof LocalApi;
export type CallInput<Name extends CallName> = z.infer<LocalApi[Name]['input']>;
export type CallOutput<Name extends CallName> = z.infer<LocalApi[Name]['output']>;
export type CallEvent<Name extends CallName> = LocalApi[Name] extends { readonly event: infer Event extends z.core.$ZodType }
  ? z.infer<Event>
  : never;
/** Calls that run until they are cancelled. */
export type SubscriptionName = {
  [Name in CallName]: LocalApi[Name] extends { readonly subscription: true } ? Name : never;
}[CallName];
