import * as z from 'zod/mini';
import { stage, use } from './common.ts';
import { doctorCheck, kubeFlags } from './model.ts';

/** What the privileged helper is and does. */
export const helperDescription = z.object({
  state: z.enum(['running', 'not-running', 'service']),
  /** Run as root, word by word. */
  command: z.array(z.string()),
  /** Files and directories that it reads or writes. */
  paths: z.array(z.object({ path: z.string(), purpose: z.string() })),
  /** System changes that it makes while connected. */
  changes: z.array(z.string()),
  /** Of one that runs. */
  version: z.optional(z.string()),
});
export type HelperDescription = z.infer<typeof helperDescription>;

export const diagnoseApi = {
  /** The doctor's checks. `event` is each one as it ends; the order is always the same. */
  runDoctor: {
    input: z.strictObject({
      use,
      kubeFlags,
      kubeconfigEnv: z.optional(z.string()),
      managerNamespace: z.optional(z.string()),
      /** Where the command ran: for the checks of proxies. */
      environment: z.record(z.string(), z.string()),
      /** Ids; none: all. */
      only: z.array(z.string()),
    }),
    event: doctorCheck,
    output: z.object({ checks: z.array(doctorCheck) }),
  },
  /** Versions of all parts that can be asked. */
  listVersions: {
    input: z.strictObject({ use }),
    output: z.object({
      daemon: z.string(),
      helper: z.optional(z.string()),
      connections: z.array(
        z.object({
          name: z.string(),
          manager: z.optional(z.object({ name: z.string(), version: z.string() })),
          agentImage: z.optional(z.string()),
          agents: z.array(z.object({ workload: z.string(), namespace: z.string(), version: z.string() })),
        }),
      ),
    }),
  },
  /** Ends an intercept of anybody: for admins. */
  revoke: {
    input: z.strictObject({
      use,
      /** `<session>:<name>`, or `<user>@<laptop>:<name>`, as a conflict names it. */ id: z.string(),
    }),
    output: z.object({ id: z.string(), owner: z.string() }),
    survivesDisconnect: true,
  },
  /** The system's news. `suspend` is answered when the daemon is ready to sleep; `resume` and `network` look after the connections at once. */
  powerEvent: { input: z.strictObject({ kind: z.enum(['suspend', 'resume', 'network']) }), output: z.object({}) },
  /** Starts the stand-in cluster with the demo shop and the traffic-manager, where this laptop has it. `namespace` is the shop's. */
  startSandbox: {
    input: z.strictObject({}),
    event: stage,
    output: z.object({ kubeconfig: z.string(), context: z.string(), namespace: z.string() }),
    survivesDisconnect: true,
  },
  stopSandbox: { input: z.strictObject({}), event: stage, output: z.object({}), survivesDisconnect: true },
  /** What the privileged helper would be started with: shown before it is asked for. */
  describeHelper: {
    input: z.strictObject({}),
    output: helperDescription,
  },
} as const;
