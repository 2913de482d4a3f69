import * as z from 'zod/mini';
import { nothing, use } from './common.ts';
import { engagementPort, errorData, interceptRequest, kubeFlags, workloadDetails } from './model.ts';

/** What the window shows of clusters and workloads beyond the list of the traffic-manager. */
export const workloadApi = {
  /** How a context looks from here. Never fails for a cluster that cannot be reached: that is the answer. */
  probeContext: {
    input: z.strictObject({ kubeFlags, kubeconfigEnv: z.optional(z.string()), managerNamespace: z.optional(z.string()) }),
    output: z.object({
      context: z.string(),
      server: z.string(),
      namespace: z.string(),
      /** Absent where the API server did not answer. */
      serverVersion: z.optional(z.string()),
      /** Round trip to the API server. */
      roundTripMs: z.optional(z.number()),
      /** `unknown`: the user may not look. */
      manager: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('unknown') }),
        z.object({ kind: z.literal('none') }),
        z.object({ kind: z.literal('not-ready'), namespace: z.string(), reason: z.string() }),
        z.object({ kind: z.literal('ready'), namespace: z.string(), version: z.string() }),
      ]),
      namespaces: z.array(z.string()),
      /** Whether this user could install the traffic-manager. */
      mayInstall: z.boolean(),
      error: z.optional(errorData),
    }),
  },
  /** What the Kubernetes API knows of the workloads of a namespace, as far as this user may read it. Keyed like `workloadKey`. */
  watchWorkloadDetails: {
    input: z.strictObject({ use, namespace: z.optional(z.string()) }),
    event: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('snapshot'), details: z.record(z.string(), workloadDetails) }),
      z.object({ kind: z.literal('changed'), key: z.string(), details: workloadDetails }),
      z.object({ kind: z.literal('removed'), key: z.string() }),
    ]),
    output: nothing,
    subscription: true,
  },
  /** What an intercept would do, without doing it: for a review before the start. */
  planIntercept: {
    input: z.strictObject({ use, request: interceptRequest }),
    output: z.object({
      workload: z.string(),
      workloadKind: z.string(),
      namespace: z.string(),
      container: z.optional(z.string()),
      ports: z.array(engagementPort),
      /** Pods that are replaced, since they have no agent yet. */
      restarts: z.array(z.string()),
      /** Engagements of others that are in the way. */
      conflicts: z.array(z.object({ owner: z.string(), since: z.optional(z.string()), port: z.string(), message: z.string() })),
      /** Rights of this user that the intercept, or keeping it, is better with. */
      rights: z.array(
        z.object({
          verb: z.string(),
          resource: z.string(),
          /** Empty: the right is about the whole cluster. */
          namespace: z.string(),
          allowed: z.boolean(),
          /** `cannot-reconnect`: it starts, by the connection that there is. `slower`: traffic passes the traffic-manager. */
          withoutIt: z.enum(['cannot-start', 'cannot-reconnect', 'slower']),
          /** By which an administrator grants it, where it is missing and the API server says who this user is. */
          grant: z.optional(z.string()),
        }),
      ),
      /** The same as a command line, ready for a shell. */
      commandLine: z.string(),
      /** The same as a document, with what the cluster found. Members are named as in the command line's structured output. */
      yaml: z.string(),
      warnings: z.array(z.string()),
      /** Why it would fail. */
      error: z.optional(errorData),
    }),
  },
  /** Whether something listens where the handler is to be. */
  checkLaptopPort: {
    input: z.strictObject({ address: z.optional(z.string()), port: z.int().check(z.minimum(1), z.maximum(65_535)) }),
    output: z.object({
      listening: z.boolean(),
      /** Name and number of the process, where the system tells. */
      process: z.optional(z.object({ name: z.string(), pid: z.int() })),
      /** Name of the engagement that uses the port already. */
      engagement: z.optional(z.string()),
    }),
  },
} as const;
