import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod/mini';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';

/** Lines of the program's output: what it does, and at the end where the cluster is. */
const progressLine = z.object({ stage: z.string() });
const upLine = z.object({ kubeconfig: z.string(), context: z.string(), namespace: z.string() });

const timeoutMs = 120_000;
const maxErrorCharacters = 2_000;

/** The program of the stand-in cluster: beside the daemon's bundle, or in a checkout. `undefined` where there is none. */
export function sandboxProgram(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const name = import.meta.url.endsWith('.ts') ? '../../sandbox/main.ts' : './sandbox.js';
  const path = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** Starts the stand-in cluster, which goes on by itself. @throws AppError `unsupported` where this laptop does not have it. */
export async function startSandbox(
  program: string | undefined,
  onStage: (stage: string) => void,
  signal: AbortSignal,
): Promise<CallOutput<'startSandbox'>> {
  let up: CallOutput<'startSandbox'> | undefined;
  await runSandbox(program, 'up', signal, (line) => {
    const done = upLine.safeParse(line);
    if (done.success) up = done.data;
    const progress = progressLine.safeParse(line);
    if (progress.success) onStage(progress.data.stage);
  });
  if (up !== undefined) return up;
  throw new AppError({ code: 'internal', message: 'The sandbox cluster did not say where it is' });
}

export async function stopSandbox(
  program: string | undefined,
  onStage: (stage: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await runSandbox(program, 'down', signal, (line) => {
    const progress = progressLine.safeParse(line);
    if (progress.success) onStage(progress.data.stage);
  });
}

async function runSandbox(
  program: string | undefined,
  command: 'up' | 'down',
  signal: AbortSignal,
  onLine: (line: unknown) => void,
): Promise<void> {
  if (program === undefined) {
    throw new AppError({ code: 'unsupported', message: 'This installation has no sandbox cluster' });
  }
  const child = spawn(process.execPath, [program, command, '--output', 'json-stream'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-maxErrorCharacters)));
  createInterface({ input: child.stdout }).on('line', (text) => {
    try {
      onLine(JSON.parse(text));
    } catch {
      // For people.
    }
  });
  const exitCode = await ended(child, signal);
  if (exitCode === 0) return;
  throw new AppError({
    code: 'daemon.start-failed',
    message: `The sandbox cluster could not be ${command === 'up' ? 'started' : 'stopped'}`,
    reason: errors.trim() === '' ? `Its program ended with exit code ${exitCode}` : errors.trim(),
  });
}

/** When it has ended and all its output has been read. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      if (error.name !== 'AbortError') reject(error);
      else if (signal.aborted) reject(new AppError({ code: 'cancelled', message: 'The sandbox cluster was cancelled' }, error));
      else
        reject(new AppError({ code: 'timeout', message: `The sandbox cluster took longer than ${timeoutMs / 1_000} s` }, error));
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}
