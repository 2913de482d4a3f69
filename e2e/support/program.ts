import { type ChildProcess, spawn } from 'node:child_process';

/** How a program ended. `code` is undefined where a signal ended it. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | undefined;
  readonly isTimedOut: boolean;
  readonly durationMs: number;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Standard input; empty by default. */
  readonly input?: string;
  /** After that, the program's process group is killed. Default 60 s. */
  readonly timeoutMs?: number;
}

/** What a background process that kept the pipes may still write after the program ended. */
const afterExitMs = 300;

/** A program in a process group of its own, so that it can be ended together with its children. */
export function spawnProgram(argv: readonly string[], options: ProgramOptions = {}): ChildProcess {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('no program named');
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { ...(options.env ?? process.env) },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Pipes of a program that is killed may be reset; its exit tells the story.
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  return child;
}

/** Runs a program to its end. Resolves whatever its exit code; rejects only where it cannot be started. */
export async function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  const startedAt = performance.now();
  const child = spawnProgram(argv, options);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  child.stdin?.end(options.input ?? '');
  return await new Promise<Outcome>((resolve, reject) => {
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      killGroup(child, 'SIGKILL');
    }, options.timeoutMs ?? 60_000);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      const finish = () => {
        clearTimeout(grace);
        // A daemon that the program left behind may hold the pipes for ever.
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ ...output, code: code ?? undefined, isTimedOut, durationMs: performance.now() - startedAt });
      };
      child.once('close', finish);
      const grace = setTimeout(finish, afterExitMs);
    });
  });
}

/** Like `runProgram`, and throws with the program's own words where it failed. */
export async function mustRun(argv: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const outcome = await runProgram(argv, options);
  if (outcome.code !== 0) throw new Error(describeFailure(argv, outcome));
  return outcome.stdout;
}

export function describeFailure(argv: readonly string[], outcome: Outcome): string {
  const how = outcome.isTimedOut
    ? `ran out of time after ${Math.round(outcome.durationMs)} ms`
    : `ended with ${outcome.code ?? 'a signal'}`;
  return `${argv.join(' ')} ${how}\n${outcome.stdout}${outcome.stderr}`.trimEnd();
}

export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}
