import { spawn } from 'node:child_process';
import { PassThrough, Writable } from 'node:stream';
import pty from 'node-pty';
import type { CurrentRun } from './container-runner.ts';
import { type ExecOptions, type ExecResult, type ExecSession, NodeError } from './node-api.ts';

/** Exit codes by which `setpriv` and shells say that there is no such program, or that it cannot run. */
const notFoundExitCode = 127;

/** Runs a program in a running container. */
export function execInContainer(run: CurrentRun, argv: readonly string[], options: ExecOptions): ExecSession {
  const [program, ...args] = run.process.execCommand(argv) ?? [];
  if (program === undefined) throw new NodeError('not-running', 'container not running');
  const env = { ...run.environment };
  return options.isTty ? execWithTerminal(program, args, env) : execWithPipes(program, args, env, options.hasStdin);
}

function execWithPipes(program: string, args: readonly string[], env: Record<string, string>, hasStdin: boolean): ExecSession {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  if (!hasStdin) child.stdin.end();
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-500);
  });
  const stderr = child.stderr.pipe(new PassThrough());
  const result = new Promise<ExecResult>((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not-started', message: error.message }));
    child.once('close', (code) => {
      const failure = code === notFoundExitCode ? /^setpriv: failed to execute (.*)$/m.exec(complaint)?.[1] : undefined;
      if (failure !== undefined)
        resolve({ kind: 'not-started', message: `exec failed: unable to start container process: ${failure}` });
      else resolve({ kind: 'exited', exitCode: code ?? 137 });
    });
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr,
    result,
    resize: () => undefined,
    destroy: () => child.kill('SIGKILL'),
  };
}

function execWithTerminal(program: string, args: readonly string[], env: Record<string, string>): ExecSession {
  const terminal = pty.spawn(program, [...args], {
    env: { TERM: 'xterm', ...env },
    cwd: '/',
    cols: 80,
    rows: 24,
    encoding: null,
  });
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  // Its type knows text only; without an encoding it hands over bytes.
  terminal.onData((data: string | Buffer) => stdout.write(data));
  const { promise, resolve } = Promise.withResolvers<ExecResult>();
  terminal.onExit(({ exitCode, signal }) => {
    stdout.end();
    stderr.end();
    resolve({ kind: 'exited', exitCode: signal === undefined || signal === 0 ? exitCode : 128 + signal });
  });
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      terminal.write(chunk.toString());
      done();
    },
  });
  return {
    stdin,
    stdout,
    stderr,
    result: promise,
    resize: (columns, rows) => {
      if (columns > 0 && rows > 0) terminal.resize(columns, rows);
    },
    destroy: () => terminal.kill('SIGKILL'),
  };
}
