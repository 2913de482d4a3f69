/** What of the acceptance suite makes no sense on the sandbox, with the reason. Everything else runs there as it is. */
export interface SandboxSkip {
  /** Name of a file of `e2e/acceptance`, without `.test.ts`. */
  readonly file: string;
  /** Part of the test's name; absent: all tests of the file. */
  readonly test?: string;
  readonly reason: string;
}

export const sandboxSkips: readonly SandboxSkip[] = [
  {
    file: 'faults',
    test: 'gets over 20 s in which the whole cluster is without its API server',
    reason: 'API server and node are one process',
  },
  {
    file: 'idle-path',
    test: 'lets the app answer while the agent of an intercept is dead',
    reason: 'which pod a process belongs to cannot be told there',
  },
];
