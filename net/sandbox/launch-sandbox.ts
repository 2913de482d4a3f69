import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Paths } from '#base/node/paths.ts';
import { readOutputTail, startDetached, waitForPath } from '#base/node/process-start.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ReadySandbox, type SandboxReport, sandboxReport } from '#protocol/sandbox/sandbox-control.ts';
import { callControl, failureOf, readReports, socketOf } from './control-client.ts';

/** A sandbox is there in a second; a laptop that is busy may take longer. */
const startTimeoutMs = 30_000;

/** For one that is ended while it starts. */
const endTimeoutMs = 10_000;

/** What the sandbox is doing while it starts, for people. */
const stages = {
  api: 'Starting the API server of the sandbox',
  node: 'Starting the node of the sandbox',
} as const;

/** Where a user's sandbox is, and who hears what it is doing. */
export interface SandboxPlace {
  readonly paths: Pick<Paths, 'runtimeDirectory' | 'logDirectory'>;
  readonly signal: AbortSignal;
  readonly onStage: (text: string) => void;
}

/** What it takes to start the sandbox. */
export interface SandboxLaunch extends SandboxPlace {
  /** The Node that ships with the product. */
  readonly nodePath: string;
  /** `sandbox/main.ts` from the source tree, or its bundle. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Further flags of the program, by name: `address`, `port`, `images`. */
  readonly flags: Readonly<Record<string, string>>;
}

/**
 * The sandbox of this user where one runs, or is starting: then it is waited for.
 *
 * @throws AppError `cancelled`, or where it does not get ready
 */
export async function findSandbox({ paths, signal, onStage }: SandboxPlace): Promise<ReadySandbox | undefined> {
  const report = await readStatus(socketOf(paths), signal, onStage);
  if (signal.aborted) throw AppError.from(signal.reason);
  return report === undefined ? undefined : requireReady(report);
}

/**
 * Starts the sandbox, which outlives this process, and waits until pods can run in it. One that is not waited for any more is ended.
 *
 * @throws AppError `cancelled`, `sandbox.unsupported` where this machine cannot run it
 */
export async function launchSandbox(launch: SandboxLaunch): Promise<ReadySandbox> {
  const { paths, signal, onStage, env, flags } = launch;
  if (process.platform !== 'linux') {
    throw new AppError({
      code: 'sandbox.unsupported',
      message: 'The sandbox runs on Linux only: its pods are processes in network namespaces',
    });
  }
  const socket = socketOf(paths);
  const outputFile = join(paths.logDirectory, 'sandbox-output.log');
  const all = { directory: dirname(socket), 'log-file': join(paths.logDirectory, 'sandbox.log'), ...flags };
  onStage(stages.api);
  const child = startDetached({
    command: launch.nodePath,
    args: [
      '--disable-warning=ExperimentalWarning',
      launch.script,
      ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    env,
    outputFile,
  });
  const ended = new AbortController();
  let isRunning = true;
  void child.exited.then(({ outcome }) => {
    isRunning = false;
    // Exit code 0 says that another starter's sandbox was faster, and that one will answer.
    if (outcome !== 0) ended.abort(outcome);
  });
  const limits = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(startTimeoutMs)]);
  const report = await waitForPath(socket, () => readStatus(socket, limits, onStage), limits);
  if (report !== undefined && !signal.aborted) return requireReady(report);
  // Nobody waits for it any more.
  if (isRunning && child.pid !== undefined) {
    process.kill(child.pid, 'SIGTERM');
    await Promise.race([child.exited, sleep(endTimeoutMs, undefined, { ref: false })]);
  }
  if (signal.aborted) throw AppError.from(signal.reason);
  const printed = readOutputTail(outputFile);
  throw new AppError({
    code: 'sandbox.unsupported',
    message: ended.signal.aborted
      ? `The sandbox ended at once (${String(ended.signal.reason)})`
      : `The sandbox did not start within ${startTimeoutMs / 1000} s`,
    ...(printed === '' ? {} : { reason: printed }),
    remedies: [{ label: `Look at the logs in ${paths.logDirectory}` }],
  });
}

/** Ends the sandbox with everything in it. Resolves to whether there was one. */
export async function stopSandbox({ paths, onStage }: Pick<SandboxPlace, 'paths' | 'onStage'>): Promise<boolean> {
  onStage('Ending the sandbox');
  const answer = await callControl(socketOf(paths), 'POST', '/stop');
  if (answer === undefined) return false;
  await new Promise<void>((done) => answer.resume().once('close', done));
  return true;
}

/** Follows the reports to the last. `undefined` where no sandbox runs. */
async function readStatus(
  socket: string,
  signal: AbortSignal,
  onStage: (text: string) => void,
): Promise<SandboxReport | undefined> {
  const answer = await callControl(socket, 'GET', '/status');
  if (answer === undefined) return undefined;
  return await readReports(answer, sandboxReport, signal, (report) => {
    if (report.state === 'starting') onStage(stages[report.stage]);
  });
}

function requireReady(report: SandboxReport): ReadySandbox {
  switch (report.state) {
    case 'ready':
      return report;
    case 'failed':
      throw failureOf(report);
    case 'starting':
      throw new AppError({ code: 'sandbox.unsupported', message: 'The sandbox ended while it started' });
  }
}
