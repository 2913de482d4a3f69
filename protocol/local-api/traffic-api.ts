import * as z from 'zod/mini';
import { nothing, use } from './common.ts';

/** What passes between the cluster and the handlers of engagements. Secrets are hidden in everything unless `reveal` asks for them. */

/** A watcher is told at most this many rows at a time, five times a second. */
export const maxTrafficLot = 200;
/** A watcher that keeps no more than this can ask for the details of each. */
export const maxToldTraffic = 750;
/** Of each body; what is beyond is counted only. */
export const maxKeptBodyBytes = 16 * 1024;

const common = {
  /** Counts up within a connection. */
  id: z.int(),
  engagement: z.string(),
  /** ISO 8601, when it began. */
  time: z.string(),
  /** Absent while it is open. */
  durationMs: z.optional(z.number()),
  /** `failed`: it broke before its end, or the handler did not take it. */
  state: z.enum(['open', 'done', 'failed']),
  /** Address and port of the caller, as the cluster has them. */
  from: z.string(),
  /** Address and port of the handler. */
  to: z.string(),
  /** Bytes from the caller: of a request its body, of a connection all. */
  inBytes: z.number(),
  /** The same from the handler. */
  outBytes: z.number(),
};

export const trafficEntry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('request'),
    ...common,
    method: z.string(),
    /** With its query, in which values that are called tokens and the like are hidden. */
    path: z.string(),
    host: z.optional(z.string()),
    status: z.optional(z.int()),
  }),
  z.object({
    kind: z.literal('connection'),
    ...common,
    /** `udp`: datagrams between one pair of addresses and ports. `refused`: nothing took it. */
    protocol: z.enum(['http2', 'tls', 'websocket', 'tcp', 'udp', 'refused']),
    /** Of the request that began it. */
    path: z.optional(z.string()),
  }),
]);
export type TrafficEntry = z.infer<typeof trafficEntry>;

export const trafficHeader = z.object({
  name: z.string(),
  value: z.string(),
  /** The value is not the real one. */
  isHidden: z.boolean(),
});

export const trafficBody = z.object({
  /** Of the content as it was sent. */
  bytes: z.number(),
  /** Less than `bytes` where it was cut off. */
  keptBytes: z.int(),
  /** What was kept, unpacked where it was compressed. Absent where nobody watched with bodies. */
  content: z.optional(
    z.union([
      z.object({ kind: z.literal('text'), text: z.string() }),
      z.object({ kind: z.literal('binary'), base64: z.string() }),
    ]),
  ),
});

export type TrafficHeader = z.infer<typeof trafficHeader>;

export const trafficMessage = z.object({
  startLine: z.string(),
  headers: z.array(trafficHeader),
  /** Only the beginning of the headers was kept. */
  isCut: z.boolean(),
  body: trafficBody,
});
export type TrafficMessage = z.infer<typeof trafficMessage>;

export const trafficDetail = z.object({
  entry: trafficEntry,
  /** Of requests. */
  request: z.optional(trafficMessage),
  response: z.optional(trafficMessage),
  /** A command that sends the request again; `isComplete`: with its whole body. */
  curl: z.optional(z.object({ command: z.string(), isComplete: z.boolean() })),
});
export type TrafficDetail = z.infer<typeof trafficDetail>;

export const trafficApi = {
  /** The latest first, then what begins and changes. While somebody watches with `bodies`, the beginning of each is kept. */
  watchTraffic: {
    input: z.strictObject({ use, engagement: z.optional(z.string()), bodies: z.boolean() }),
    event: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('snapshot'), entries: z.array(trafficEntry) }),
      z.object({
        kind: z.literal('changed'),
        /** New ones, and ones that were told before, by their ids; oldest first. */
        entries: z.array(trafficEntry),
        /** New ones that were left out, since they came too fast. */
        skipped: z.int(),
      }),
      /** Somebody forgot all. */
      z.object({ kind: z.literal('cleared') }),
    ]),
    output: nothing,
    subscription: true,
  },
  /** One of those that a watcher was told. The daemon keeps some hundreds: an older one is `not-found`. */
  readTraffic: {
    input: z.strictObject({ use, id: z.int(), reveal: z.boolean() }),
    output: trafficDetail,
  },
  /** Writes requests as a HTTP archive (HAR 1.2). Unless revealed, secrets are hidden and bodies left out, which the archive says. */
  exportTraffic: {
    input: z.strictObject({
      use,
      ids: z.array(z.int()).check(z.maxLength(2_000)),
      reveal: z.boolean(),
      /** Absolute, of a file that is not there yet; 0600. */
      outputFile: z.string(),
    }),
    output: z.object({
      file: z.string(),
      entries: z.int(),
      /** Of the ids: requests that are not kept any more. Connections are not counted. */
      missing: z.int(),
    }),
  },
  /** Forgets what is kept, for every watcher. */
  clearTraffic: { input: z.strictObject({ use }), output: nothing },
} as const;
