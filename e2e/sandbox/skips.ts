/** What of the acceptance suite makes no sense on the sandbox, with the reason. Everything else runs there as it is. */
export interface SandboxSkip {
  /** Name of a file of `e2e/acceptance`, without `.test.ts`. */
  readonly file: string;
  /** How the test's full name ends; absent: all tests of the file. */
  readonly test?: string;
  readonly reason: string;
}

export const sandboxSkips: readonly SandboxSkip[] = [
  {
    file: 'scale',
    reason: 'it measures the memory of a pod by its kubelet, which the sandbox does not count',
  },
];
