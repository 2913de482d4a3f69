import * as z from 'zod/mini';
import { nothing, stage, use } from './common.ts';

/** Where lines come from. `daemon` and `helper` are files of the laptop, the others live in the cluster or with an engagement. */
export const logSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['daemon', 'helper', 'app', 'manager']) }),
  z.object({ kind: z.literal('handler'), engagement: z.string() }),
  z.object({ kind: z.literal('agent'), namespace: z.string(), pod: z.string() }),
  z.object({ kind: z.literal('pod'), namespace: z.string(), pod: z.string(), container: z.string() }),
]);
export type LogSource = z.infer<typeof logSource>;

export const logLine = z.object({
  /** ISO 8601, where the line has a time. */
  time: z.optional(z.string()),
  level: z.optional(z.enum(['error', 'warn', 'info', 'debug', 'trace'])),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLine>;

/** Which logs are gathered, and how. */
const gatherChoice = {
  use,
  daemons: z.array(z.enum(['user', 'root'])),
  trafficManager: z.boolean(),
  /** `all`, `none`, or part of a pod's name. */
  trafficAgents: z.string(),
  anonymize: z.boolean(),
  podYaml: z.boolean(),
};

export const logApi = {
  listLogSources: {
    input: z.strictObject({ use, namespace: z.optional(z.string()), workload: z.optional(z.string()) }),
    output: z.object({ sources: z.array(logSource) }),
  },
  /** The latest `history` lines (at most 10,000), then live. Lines come in lots, at most 20 lots a second. */
  tailLog: {
    input: z.strictObject({ use, source: logSource, history: z.int().check(z.minimum(0), z.maximum(10_000)) }),
    event: z.object({
      lines: z.array(logLine),
      /** Lines that were left out before these, since they came faster than 20,000 a second. */
      dropped: z.int(),
    }),
    output: nothing,
    subscription: true,
  },
  /** Reads what `gatherLogs` would write now, and writes nothing. */
  previewLogs: {
    input: z.strictObject(gatherChoice),
    event: stage,
    output: z.object({
      entries: z.array(
        z.object({
          name: z.string(),
          bytes: z.int(),
          lines: z.int(),
          /** Lines that secrets were taken out of, or names replaced in. */
          changedLines: z.int(),
          /** A few lines as they would be written, each at most 240 characters: changed ones where there are some. */
          sample: z.array(z.string()),
        }),
      ),
      problems: z.array(z.string()),
    }),
  },
  /** Writes a zip of all logs. Entries are as those of `telepresence gather-logs`; secrets are taken out. */
  gatherLogs: {
    input: z.strictObject({
      ...gatherChoice,
      /** Absolute; 0600. */
      outputFile: z.string(),
    }),
    event: stage,
    output: z.object({
      file: z.string(),
      entries: z.array(z.object({ name: z.string(), bytes: z.int() })),
      /** Logs that could not be read, and why. */
      problems: z.array(z.string()),
    }),
  },
} as const;
