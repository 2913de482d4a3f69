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
      z.object({ kind: z.literal('screen'), data: z.string(), ...size }),
      z.object({ kind: z.literal('data'), data: z.string() }),
      z.object({ kind: z.literal('exit'), exitCode: z.int() }),
    ]),
    output: nothing,
    subscription: true,
  },
  /** Characters (UTF-16 units) of `data` that an attached client has drawn since it said so last. */
  acknowledgeTerminal: { input: z.strictObject({ id, characters: z.int() }), output: nothing },
  writeTerminal: { input: z.strictObject({ id, data: z.string() }), output: nothing },
  resizeTerminal: { input: z.strictObject({ id, ...size }), output: nothing },
  /** Ends its programs (SIGHUP, then SIGKILL) and forgets it. */
  closeTerminal: { input: z.strictObject({ id }), output: nothing },
} as const;
