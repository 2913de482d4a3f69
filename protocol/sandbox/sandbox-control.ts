import * as z from 'zod/mini';
import { remedy } from '../local-api/model.ts';

/**
 * How the command talks to a running sandbox: HTTP over the Unix socket `control.sock` in the sandbox's folder, which only its owner can
 * enter. Bodies are JSON.
 *
 * | Call | Answer |
 * |---|---|
 * | `GET /status` | `SandboxReport`s, a line each, until it is ready or has failed |
 * | `POST /shop` | `ShopReport`s, a line each, until the demo shop serves or has failed; what of it is there already stays as it is |
 * | `POST /stop` | 200 once nothing of it is left |
 * | `POST /faults` | `SandboxFault`, 204 |
 * | `DELETE /faults` | 204: nothing goes wrong on purpose any more |
 */
export const controlSocketName = 'control.sock';

const failed = z.object({
  state: z.literal('failed'),
  code: z.string(),
  message: z.string(),
  reason: z.optional(z.string()),
  remedies: z.array(remedy),
});
export type SandboxFailure = z.infer<typeof failed>;

/** How far a sandbox is. */
export const sandboxReport = z.discriminatedUnion('state', [
  z.object({ state: z.literal('starting'), stage: z.enum(['api', 'node']) }),
  z.object({
    state: z.literal('ready'),
    pid: z.int(),
    server: z.string(),
    /** Path of the file. */
    kubeconfig: z.string(),
    context: z.string(),
    /** Seconds since 1970. */
    since: z.number(),
  }),
  failed,
]);
export type SandboxReport = z.infer<typeof sandboxReport>;
export type ReadySandbox = Extract<SandboxReport, { state: 'ready' }>;

/** How far the demo shop is that a sandbox was asked to deploy. */
export const shopReport = z.discriminatedUnion('state', [
  z.object({ state: z.literal('deploying'), stage: z.enum(['objects', 'pods']) }),
  z.object({ state: z.literal('deployed'), namespace: z.string() }),
  failed,
]);
export type ShopReport = z.infer<typeof shopReport>;

const image = z.optional(z.string().check(z.minLength(1)));

/** Trouble that a test asks for. `path` is a regular expression; what has no end by itself lasts until all faults are cleared. */
export const sandboxFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('api'),
    path: z.string(),
    methods: z.optional(z.array(z.string())),
    effect: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('delay'), delayMs: z.int().check(z.positive()) }),
      z.strictObject({
        kind: z.literal('status'),
        status: z.int().check(z.minimum(400), z.maximum(599)),
        message: z.optional(z.string()),
      }),
      z.strictObject({ kind: z.literal('reset') }),
    ]),
    times: z.optional(z.int().check(z.positive())),
  }),
  z.strictObject({ kind: z.literal('webhooks-down') }),
  /** Watches from the past are too old (410). */
  z.strictObject({ kind: z.literal('forget-history') }),
  /** The API server's clock against this machine's, for the tokens that it makes and checks, and the date of its answers; negative: behind. */
  z.strictObject({ kind: z.literal('clock-skew'), aheadMs: z.int() }),
  /** The API server's certificate begins in a year, as one that was made while a clock was wrong. */
  z.strictObject({ kind: z.literal('future-certificate') }),
  z.strictObject({ kind: z.literal('slow-image-pull'), delayMs: z.int().check(z.positive()), image }),
  z.strictObject({ kind: z.literal('fail-image-pull'), message: z.string(), image }),
  /** Pods whose `namespace/name` begins so. */
  z.strictObject({ kind: z.literal('never-ready'), pod: z.string() }),
  z.strictObject({
    kind: z.literal('port-forward'),
    delayMs: z.optional(z.int().check(z.positive())),
    bytesPerSecond: z.optional(z.int().check(z.positive())),
    /** So many of a hundred pieces come late by the time that TCP takes to send a lost packet again. */
    lossPercent: z.optional(z.int().check(z.minimum(1), z.maximum(100))),
    isBlackhole: z.optional(z.boolean()),
  }),
  z.strictObject({ kind: z.literal('cut-port-forwards') }),
  z.strictObject({ kind: z.literal('restart-node') }),
]);
export type SandboxFault = z.infer<typeof sandboxFault>;
