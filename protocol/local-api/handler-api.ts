import * as z from 'zod/mini';
import { nothing, use } from './common.ts';

/** Processes that serve an engagement and that the daemon runs, with the environment of the workload. */
export const handlerApi = {
  /** Ways to start a program that are written down in a folder: npm scripts, launch configurations of editors. */
  findLaunchers: {
    input: z.strictObject({ directory: z.string() }),
    output: z.object({
      launchers: z.array(
        z.object({
          kind: z.enum(['npm-script', 'launch-configuration', 'procfile', 'compose']),
          name: z.string(),
          /** As a shell would run it. */
          command: z.string(),
          directory: z.string(),
          environment: z.record(z.string(), z.string()),
          /** Why it cannot be started as it is. */
          problem: z.optional(z.string()),
        }),
      ),
    }),
  },
  /** Folders below one, for choosing one where there is no dialog of the system. Hidden ones are left out. */
  listFolders: {
    input: z.strictObject({ directory: z.optional(z.string()) }),
    output: z.object({ directory: z.string(), parent: z.optional(z.string()), folders: z.array(z.string()) }),
  },
  restartHandler: { input: z.strictObject({ use, name: z.string() }), output: nothing },
  stopHandler: { input: z.strictObject({ use, name: z.string() }), output: nothing },
  /** The environment of an engaged workload: secrets, never logged, shown on request only. */
  readEnvironment: {
    input: z.strictObject({ use, name: z.string() }),
    output: z.object({ environment: z.record(z.string(), z.string()) }),
  },
} as const;
