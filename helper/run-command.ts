import { execFile } from 'node:child_process';

/** Starts the few programs of the operating system that the helper uses. */
export interface CommandRunner {
  /** Resolves with the standard output. @throws CommandError for an exit code other than 0, a missing program or a time-out. */
  run(program: Program, args: readonly string[], input?: string): Promise<string>;
}

export type Program = 'ip' | 'nft' | 'resolvectl' | 'mount';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly program: Program;
  readonly isMissing: boolean;
  /** Standard error, trimmed. */
  readonly output: string;

  constructor(program: Program, isMissing: boolean, output: string) {
    super(isMissing ? `${program} is not installed` : `${program}: ${output}`);
    this.program = program;
    this.isMissing = isMissing;
    this.output = output;
  }
}

/** Directories that only root can write; the last is where NixOS keeps its system. */
const trustedPath = '/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin';

/** These calls take milliseconds; a `resolvectl` that waits for a dead bus must not hold up the undoing of the rest. */
const timeoutMs = 4_000;

/** No shell, a fixed search path, nothing from the caller's environment. */
export const systemCommands: CommandRunner = {
  run(program, args, input = '') {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = execFile(
      program,
      [...args],
      { cwd: '/', env: { PATH: trustedPath, LC_ALL: 'C' }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 4 << 20 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(commandError(program, error, stderr));
      },
    );
    // A program that fails early closes its input; its exit code tells the story, not the broken pipe.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    return promise;
  },
};

function commandError(program: Program, error: Error & { readonly code?: unknown; readonly killed?: boolean }, stderr: string) {
  if (error.code === 'ENOENT') return new CommandError(program, true, '');
  const text = error.killed === true ? `no answer within ${timeoutMs} ms` : stderr.trim();
  return new CommandError(program, false, text === '' ? `exit code ${String(error.code)}` : text);
}
