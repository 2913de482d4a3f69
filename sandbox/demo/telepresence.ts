import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The error of a command's JSON output. */
interface Failure {
  readonly message: string;
  readonly reason?: string;
  readonly remedies?: readonly { readonly label: string; readonly command?: string }[];
}

export interface CommandOptions {
  /** Sends this on its standard input. */
  readonly input?: string;
  /** Interrupts it, as Ctrl-C does. */
  readonly signal?: AbortSignal;
}

/**
 * The product's command, as a person would type it, with settings and processes of the demo's own. Each is in a process group of its own,
 * so that Ctrl-C reaches the demo alone, which passes it on.
 */
export class Telepresence {
  readonly #env: NodeJS.ProcessEnv;
  readonly #program: string;

  constructor(checkout: string, env: Readonly<Record<string, string | undefined>>) {
    this.#program = join(checkout, 'bin/telepresence');
    this.#env = { ...process.env, ...env };
  }

  /** Runs to the end, whatever that is. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    const child = spawn(this.#program, [...args], { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    // It puts back what it has begun, for which a second one would leave it no time.
    const interrupt = () => child.kill('SIGINT');
    if (options.signal?.aborted === true) interrupt();
    options.signal?.addEventListener('abort', interrupt, { once: true });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // One that was interrupted as it began reads no more.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const [code] = (await once(child, 'close')) as [number | null];
    options.signal?.removeEventListener('abort', interrupt);
    return { code: code ?? 1, stdout, stderr };
  }

  /** @throws Error with what the command printed, where it failed. */
  async must(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`telepresence ${args.join(' ')} ended with ${code}\n${stderr}${stdout}`.trimEnd());
    return stdout;
  }

  async json<T>(args: readonly string[], options: CommandOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run(['--output', 'json', ...args], options);
    if (code === 0) return JSON.parse(stdout) as T;
    const { error } = (stdout.startsWith('{') ? JSON.parse(stdout) : {}) as { readonly error?: Failure };
    if (error === undefined) throw new Error(`telepresence ${args.join(' ')} ended with ${code}\n${stderr}${stdout}`.trimEnd());
    const remedies = (error.remedies ?? []).map(
      ({ label, command }) => `  do: ${label}${command === undefined ? '' : `: ${command}`}`,
    );
    throw new Error([error.message, error.reason, ...remedies].filter((line) => line !== undefined).join('\n'));
  }

  /** A command that goes on until `stop`; `ended` settles with its exit code. */
  start(args: readonly string[]): { readonly ended: Promise<number>; stop(): Promise<void>; output(): string } {
    const child = spawn(this.#program, [...args], { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = once(child, 'close').then(([code]: unknown[]) => (typeof code === 'number' ? code : 1));
    return {
      ended,
      output: () => output,
      async stop() {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }
}
