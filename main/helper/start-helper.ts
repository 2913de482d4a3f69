import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import sudoPrompt from 'sudo-prompt';
import { type HelperLaunch, helperCommand, isHelperListening, waitForHelper } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';

export interface HelperStart extends HelperLaunch {
  /** `Paths.helperSocket`. */
  readonly socketPath: string;
}

/** For a start that asks nobody, and for the helper to listen after the prompt: a fraction of a second in fact. */
const startTimeoutMs = 15_000;

/** Shown by the prompt; its maker allows letters, digits and spaces. */
const promptName = 'Telepresence';

const run = promisify(execFile);

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
  const [file = '', ...args] = helperStartCommand(start);
  if (start.asRoot) await run(file, args, { timeout: startTimeoutMs, cwd: '/' }).catch(throwNotStarted);
  else if (!(await startUnattended(start))) await startByPrompt([file, ...args]);
  await waitForHelper(start.socketPath, startTimeoutMs);
}

async function startUnattended(start: HelperLaunch): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const { file, args } = helperCommand({ ...start, asRoot: false });
  try {
    await run(file, ['--non-interactive', ...args], { timeout: startTimeoutMs, cwd: '/' });
    return true;
  } catch {
    // There are no such rights, or no sudo: the prompt says more.
    return false;
  }
}

function startByPrompt(command: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  sudoPrompt.exec(command.map(quoted).join(' '), { name: promptName }, (error, _stdout, stderr) => {
    if (error === undefined || error === null) resolve();
    else reject(promptError(error, String(stderr ?? '')));
  });
  return promise;
}

/** The prompt takes one line for a shell: the system's own on Linux and macOS, cmd on Windows, where a path has no quotes. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return process.platform === 'win32' ? `"${word}"` : `'${word.replaceAll("'", `'\\''`)}'`;
}

function promptError(error: Error, stderr: string): AppError {
  // Its maker tells outcomes apart by text only; this one has been the same since its first version.
  if (/did not grant permission/i.test(error.message)) {
    return new AppError({ code: 'cancelled', message: 'Starting the privileged helper was declined' }, error);
  }
  const reason = stderr.trim() === '' ? error.message : stderr.trim();
  return new AppError(
    {
      code: 'helper.privileges',
      message: 'The privileged helper could not be started',
      reason: reason.slice(0, 500),
      remedies: [{ label: 'Connect from a terminal, where sudo can ask for your password', command: 'telepresence connect' }],
    },
    error,
  );
}

function throwNotStarted(error: unknown): never {
  const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string };
  throw new AppError(
    {
      code: 'helper.not-running',
      message: 'The privileged helper did not start',
      reason: (stderr.trim() === '' ? message : stderr.trim()).slice(0, 500),
    },
    error,
  );
}
