import * as z from 'zod/mini';
import { nothing, use } from './common.ts';
import { terminal } from './model.ts';

const size = { columns: z.int().check(z.minimum(2), z.maximum(1_000)), rows: z.int().check(z.minimum(1), z.maximum(1_000)) };
const id = z.string();

/** Terminals belong to the daemon: they outlive windows, and several clients may look at one. */
export const terminalApi = {
  openTerminal: {
    input: z.strictObject({
      use,
      /** Adds the environment of this engagement. */
      engagement: z.optional(z.string()),
      directory: z.optional(z.string()),
      /** Default: the user's shell. */
      command: z.optional(z.array(z.string())),
      /** What it is called until its program says more. Default: the program. */
      title: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
      ...size,
    }),
    output: z.object({ terminal }),
  },
  /**
   * First event: what is on the screen and above it (up to 10,000 lines), as text with escape sequences. The program is paused
   * while more than 256 KiB are on their way to a client that has not acknowledged them.
   */
  attachTerminal: {
    input: z.strictObject({ id }),
    event: z.discriminatedUnion('kind', [
      /** `attachment` names this client in `acknowledgeTerminal`. */
      z.object({ kind: z.literal('screen'), attachment: z.string(), data: z.string(), ...size }),
      z.object({ kind: z.literal('data'), data: z.string() }),
      /** Some client has resized it: from here on `data` is meant for this size. */
      z.object({ kind: z.literal('size'), ...size }),
      z.object({ kind: z.literal('exit'), exitCode: z.int() }),
    ]),
    output: nothing,
    subscription: true,
  },
  /** Characters (UTF-16 units) of `data` that an attached client has drawn since it said so last. Without `attachment`: for all clients. */
  acknowledgeTerminal: {
    input: z.strictObject({ id, attachment: z.optional(z.string()), characters: z.int().check(z.minimum(0)) }),
    output: nothing,
  },
  writeTerminal: { input: z.strictObject({ id, data: z.string() }), output: nothing },
  resizeTerminal: { input: z.strictObject({ id, ...size }), output: nothing },
  /** Ends its programs (SIGHUP, then SIGKILL) and forgets it. */
  closeTerminal: { input: z.strictObject({ id }), output: nothing },
} as const;
