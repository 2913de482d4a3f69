import * as z from 'zod/mini';

/** Pieces that the calls of several parts share. */

export const nothing = z.strictObject({});

/** Which connection a call is about. Absent: the only one; a regular expression that must match exactly one name otherwise. */
export const use = z.optional(z.string());

/** Progress of a task: the step under way, in words. */
export const stage = z.object({ stage: z.string() });
