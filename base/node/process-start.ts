import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export interface DetachedProcess {
  readonly pid: number | undefined;
  /** How it ended, if it does while this process lives. */
  readonly exited: Promise<ProcessExit>;
  /** Asks it to end, where it is not wanted any more. */
  stop(): void;
}

export interface ProcessExit {
  /** Exit code, the name of a signal, or what went wrong with starting it. */
  readonly outcome: number | string;
}

export interface DetachedOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives what it prints; emptied first. */
  readonly outputFile: string;
}

/** Starts a process in a session of its own, in `/`, that outlives this one and does not keep it alive. */
export function startDetached(options: DetachedOptions): DetachedProcess {
  mkdirSync(dirname(options.outputFile), { recursive: true, mode: 0o700 });
  const output = openSync(options.outputFile, 'w', 0o600);
  try {
    const child = spawn(options.command, [...options.args], {
      cwd: '/',
      detached: true,
      env: { ...options.env },
      stdio: ['ignore', output, output],
    });
    child.unref();
    const exited = new Promise<ProcessExit>((resolve) => {
      child.on('error', (error) => resolve({ outcome: error.message }));
      child.on('exit', (code, signal) => resolve({ outcome: code ?? signal ?? 'unknown' }));
    });
    return { pid: child.pid, exited, stop: () => void child.kill() };
  } finally {
    closeSync(output);
  }
}

/** The end of what a process printed, for the message about its failure. */
export function readOutputTail(file: string, maxCharacters = 600): string {
  try {
    return readFileSync(file, 'utf8').trim().slice(-maxCharacters);
  } catch {
    return '';
  }
}

/** Between two probes where the file system reported nothing; the report nearly always comes first. */
const fallbackProbeMs = 100;

/**
 * Waits until `probe` succeeds, and tries it whenever something happens to `path` or in its directory, which is watched as soon as
 * it exists.
 *
 * @returns what the probe returned, or `undefined` when `signal` aborted first.
 */
export async function waitForPath<T>(
  path: string,
  probe: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T | undefined> {
  let wake: () => void = () => undefined;
  let watcher: ReturnType<typeof watch> | undefined;
  const tryWatch = () => {
    if (watcher !== undefined) return;
    try {
      watcher = watch(dirname(path), (_event, name) => (name === null || name === basename(path) ? wake() : undefined));
      watcher.on('error', () => undefined);
    } catch {
      // The directory does not exist yet.
    }
  };
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      tryWatch();
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, fallbackProbeMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      const found = await probe();
      if (found !== undefined) return found;
      await woken;
    }
    return undefined;
  } finally {
    // A pending fallback timer must not keep a command alive.
    wake();
    signal.removeEventListener('abort', onAbort);
    watcher?.close();
  }
}
