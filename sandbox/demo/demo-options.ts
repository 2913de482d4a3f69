import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Context of a real cluster; the sandbox otherwise. */
  readonly context: string | undefined;
  /** Everything stays up at the end. */
  readonly keep: boolean;
  /** Goes on without asking. */
  readonly yes: boolean;
  /** Default: what the user may do. */
  readonly rootless: boolean;
  readonly help: boolean;
}

export const demoUsage = `npm run demo -- [--context NAME] [--keep] [--yes] [--rootless]

Shows what Telepresence does with a small shop, step by step, and leaves the machine as it was.

  --context NAME  on this cluster of your kubeconfig; without it on a sandbox, which is not Kubernetes and needs nothing
  --keep          leave everything running at the end, and say how to go on
  --yes           do not wait between the steps (as without a terminal)
  --rootless      keep the laptop's network as it is, also as root
`;

/** Who runs the demo. */
export interface DemoUser {
  /** Somebody can answer. */
  readonly isTerminal: boolean;
  /** Absent where the system has no such numbers. */
  readonly uid: number | undefined;
}

/** @throws TypeError with what is wrong. */
export function readDemoOptions(args: readonly string[], { isTerminal, uid }: DemoUser): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      context: { type: 'string' },
      keep: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      rootless: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return { context: undefined, ...values, yes: values.yes || !isTerminal, rootless: values.rootless || uid !== 0 };
}
