import * as z from 'zod';

/**
 * How the command talks to a running sandbox: HTTP over the Unix socket `control.sock` in the sandbox's folder, which only its owner can
 * enter. Bodies are JSON.
 *
 * | Call | Answer |
 * |---|---|
 * | `GET /status` | `SandboxReport`s, a line each, until it is ready or has failed |
 * | `POST /stop` | 200 once nothing of it is left |
 * | `POST /faults` | `SandboxFault`, 204 |
 * | `DELETE /faults` | 204: nothing goes wrong on purpose any more |
 */
export const controlSocketName = 'control.sock';

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
  z.object({ state: z.literal('failed'), code: z.string(), message: z.string(), reason: z.string().optional() }),
]);
export type SandboxReport = z.infer<typeof sandboxReport>;
export type ReadySandbox = Extract<SandboxReport, { state: 'ready' }>;

const image = z.string().min(1).optional();

/** Trouble that a test asks for. `path` is a regular expression; what has no end by itself lasts until all faults are cleared. */
export const sandboxFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('api'),
    path: z.string(),
    methods: z.array(z.string()).optional(),
    effect: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('delay'), delayMs: z.int().positive() }),
      z.strictObject({ kind: z.literal('status'), status: z.int().min(400).max(599), message: z.string().optional() }),
      z.strictObject({ kind: z.literal('reset') }),
    ]),
    times: z.int().positive().optional(),
  }),
  z.strictObject({ kind: z.literal('webhooks-down') }),
  /** Watches from the past are too old (410). */
  z.strictObject({ kind: z.literal('forget-history') }),
  z.strictObject({ kind: z.literal('slow-image-pull'), delayMs: z.int().positive(), image }),
  z.strictObject({ kind: z.literal('fail-image-pull'), message: z.string(), image }),
  /** Pods whose `namespace/name` begins so. */
  z.strictObject({ kind: z.literal('never-ready'), pod: z.string() }),
  z.strictObject({
    kind: z.literal('port-forward'),
    delayMs: z.int().positive().optional(),
    bytesPerSecond: z.int().positive().optional(),
    /** So many of a hundred pieces come late by the time that TCP takes to send a lost packet again. */
    lossPercent: z.int().min(1).max(100).optional(),
    isBlackhole: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('cut-port-forwards') }),
  z.strictObject({ kind: z.literal('restart-node') }),
]);
export type SandboxFault = z.infer<typeof sandboxFault>;
