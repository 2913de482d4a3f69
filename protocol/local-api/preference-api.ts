import * as z from 'zod/mini';
import { nothing } from './common.ts';
import { preferences } from './model.ts';

/** Choices of a person about the app, kept by the daemon so that every window has the same. */
export const preferenceApi = {
  /** Serves the window to a browser of this laptop. The address is good for the first browser that opens it, reloads included. */
  openUi: { input: nothing, output: z.object({ url: z.string() }) },
  /** Absent members stay as they are. */
  setPreferences: { input: z.strictObject({ change: z.partial(preferences) }), output: nothing },
  /** Pins, or forgets, a connection that was made before. */
  changeRecent: {
    input: z.strictObject({ id: z.string(), action: z.enum(['pin', 'unpin', 'forget']) }),
    output: nothing,
  },
  /** Writes one value of the configuration file, which is made where there is none. `value` absent: takes it out. */
  changeConfig: {
    input: z.strictObject({ /** `timeouts.helm`. */ path: z.string(), value: z.optional(z.unknown()) }),
    output: nothing,
  },
} as const;
