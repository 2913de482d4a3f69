import { type HelperLaunch, helperCommand, isHelperListening, waitForHelper } from '#base/node/helper-launch.ts';
import { runAsRoot } from './run-as-root.ts';

export interface HelperStart extends HelperLaunch {
  /** `Paths.helperSocket`. */
  readonly socketPath: string;
}

/** For the helper to listen after the prompt: a fraction of a second in fact. */
const startTimeoutMs = 15_000;

/** What runs as root, word by word: the same whether a prompt, `sudo` or nobody has to be asked. */
export function helperStartCommand(launch: HelperLaunch): readonly string[] {
  const { file, args } = helperCommand({ ...launch, asRoot: true });
  return [file, ...args];
}

/**
 * Starts the privileged helper: as it is where this process is root's, else by rights that are there already, else through the
 * system's password prompt.
 *
 * @throws AppError `cancelled` where the person declined, `helper.privileges` where there is no way to ask, `helper.not-running`.
 */
export async function startHelper(start: HelperStart): Promise<void> {
  if (await isHelperListening(start.socketPath)) return;
  await runAsRoot({
    command: helperStartCommand(start),
    asRoot: start.asRoot,
    declined: 'Starting the privileged helper was declined',
    failed: 'The privileged helper could not be started',
    remedies: [{ label: 'Connect from a terminal, where sudo can ask for your password', command: 'telepresence connect' }],
  });
  await waitForHelper(start.socketPath, startTimeoutMs);
}
