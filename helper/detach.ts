import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fchownSync, openSync, readFileSync, statSync } from 'node:fs';
import { waitForHelper } from '#base/node/helper-launch.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type InstanceFiles, makeInstanceDirectory } from './instance-directory.ts';

const startDeadlineMs = 10_000;

/**
 * Starts this program again in a session of its own, so that neither the terminal nor `sudo` takes the helper along when it
 * ends, and waits until it listens.
 *
 * @returns the exit code: 0 where a helper, this one or an earlier one, serves the instance.
 */
export async function startDetached(files: InstanceFiles, instance: string, uid: number): Promise<number> {
  makeInstanceDirectory(files);
  const logDescriptor = openSync(files.log, 'a', 0o600);
  // Its user may read it. Nothing here believes what is in it, and the folder stays root's.
  fchownSync(logDescriptor, uid, 0);
  const logStart = statSync(files.log).size;
  const script = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, script, '--instance', instance, '--uid', String(uid)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', logDescriptor, logDescriptor],
  });
  closeSync(logDescriptor);
  const stopWaiting = new AbortController();
  const ended = once(child, 'exit').then(([code]: unknown[]) => (typeof code === 'number' ? code : 1));
  const listening = waitForHelper(files.socket, startDeadlineMs, stopWaiting.signal).then(
    () => 0,
    (error: unknown) => {
      if (!stopWaiting.signal.aborted) process.stderr.write(`${AppError.from(error).message}\n`);
      return 1;
    },
  );
  const exitCode = await Promise.race([ended, listening]);
  stopWaiting.abort();
  if (exitCode !== 0) process.stderr.write(readFileSync(files.log).subarray(logStart));
  child.unref();
  return exitCode;
}
