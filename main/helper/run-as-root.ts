import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import sudoPrompt from 'sudo-prompt';
import { AppError } from '#protocol/errors/app-error.ts';

/** For a command that asks nobody. */
const runTimeoutMs = 15_000;

/** Shown by the prompt; its maker allows letters, digits and spaces. */
const promptName = 'Telepresence';

const run = promisify(execFile);

/** What is run, and how to speak of it. */
export interface RootCommand {
  readonly command: readonly string[];
  /** Whether this process is root's. */
  readonly asRoot: boolean;
  /** As in "Starting the privileged helper was declined". */
  readonly declined: string;
  /** As in "The privileged helper could not be started". */
  readonly failed: string;
  /** Where nobody could be asked. */
  readonly remedies: AppError['remedies'];
}

/**
 * Runs a command with root's rights: as it is where this process has them, else by rights that are there already, else through the
 * system's password prompt.
 *
 * @throws AppError `cancelled` where the person declined, `helper.privileges` where there is no way to ask, `helper.not-running` where
 * root's command fails.
 */
export async function runAsRoot({ command, asRoot, ...words }: RootCommand): Promise<void> {
  const [file = '', ...args] = command;
  try {
    if (asRoot) await run(file, args, { timeout: runTimeoutMs, cwd: '/' });
    else if (!(await runUnattended(command))) await runByPrompt(command);
  } catch (error) {
    throw rootError(error, asRoot, words);
  }
}

async function runUnattended(command: readonly string[]): Promise<boolean> {
  if (process.platform === 'win32') return false;
  try {
    await run('sudo', ['--non-interactive', '--', ...command], { timeout: runTimeoutMs, cwd: '/' });
    return true;
  } catch {
    // There are no such rights, or no sudo: the prompt says more.
    return false;
  }
}

function runByPrompt(command: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  sudoPrompt.exec(command.map(quoted).join(' '), { name: promptName }, (error, _stdout, stderr) => {
    if (error === undefined || error === null) resolve();
    else reject(Object.assign(error, { stderr: String(stderr ?? '') }));
  });
  return promise;
}

/** The prompt takes one line for a shell: the system's own on Linux and macOS, cmd on Windows, where a path has no quotes. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return process.platform === 'win32' ? `"${word}"` : `'${word.replaceAll("'", `'\\''`)}'`;
}

function rootError(error: unknown, asRoot: boolean, words: Omit<RootCommand, 'command' | 'asRoot'>): AppError {
  const { declined, failed, remedies } = words;
  const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string };
  // The prompt's maker tells outcomes apart by text only; this one has been the same since its first version.
  if (/did not grant permission/i.test(message)) return new AppError({ code: 'cancelled', message: declined }, error);
  const reason = (stderr.trim() === '' ? message : stderr.trim()).slice(0, 500);
  if (asRoot) return new AppError({ code: 'helper.not-running', message: failed, reason }, error);
  return new AppError({ code: 'helper.privileges', message: failed, reason, remedies }, error);
}
