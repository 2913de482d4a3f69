import { kill } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { returnMemory } from '#base/node/return-memory.ts';
import { errorRegistry } from '#protocol/errors/registry.ts';
import { type HelperCommand, parseCommandLine } from './command-line.ts';
import { startDetached } from './detach.ts';
import { HelperServer } from './helper-server.ts';
import {
  type InstanceFiles,
  type InstanceLock,
  instanceFiles,
  lockHolder,
  lockInstance,
  makeInstanceDirectory,
  rootlessFiles,
} from './instance-directory.ts';
import { isInUserNamespace, prepareIsolatedLaptop } from './isolated-laptop.ts';
import { Journal } from './journal.ts';
import { type Laptop, systemLaptop } from './laptop.ts';
import { systemCommands } from './run-command.ts';
import { createStderrLog } from './stderr-log.ts';
import { undoLeftovers } from './undo.ts';

/** Long enough for a daemon that restarts, short enough that a forgotten helper does not linger. */
const leaseMs = 10_000;

/** How long `--restore` waits for a living helper to undo its changes and end. */
const restoreDeadlineMs = 10_000;

/** Calls come one upon the other while a connection is made, and hardly any more after that. */
const restMs = 1_500;

const { logger: log, setLevel } = createStderrLog();

process.umask(0o077);
// Whoever started us may close the other end.
process.stderr.on('error', () => undefined);
process.exitCode = await run(parseCommandLine(process.argv.slice(2)));

async function run(command: HelperCommand): Promise<number> {
  if (command.kind === 'invalid') {
    process.stderr.write(`${command.reason}\n`);
    return errorRegistry.usage.exitCode;
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write('The privileged helper has to be started by root\n');
    return errorRegistry['helper.privileges'].exitCode;
  }
  if (command.kind === 'rootless') return await serveRootless(command.instance, rootlessFiles(command.directory));
  const files = instanceFiles(command.instance);
  if (command.kind === 'restore') return await restore(command.instance, files);
  if (command.detach) return await startDetached(files, command.instance, command.uid);
  return await serve(files, { instance: command.instance, uid: command.uid, isIsolated: false, isService: command.isService });
}

/** The caller's `unshare` has made the namespaces; root's rights of the whole laptop are of no use here, and refused. */
async function serveRootless(instance: string, files: InstanceFiles): Promise<number> {
  if (!isInUserNamespace()) {
    process.stderr.write('--rootless is for a user namespace\n');
    return errorRegistry.usage.exitCode;
  }
  makeInstanceDirectory(files);
  await prepareIsolatedLaptop(systemCommands, files.resolvConf);
  return await serve(files, { instance, uid: 0, isIsolated: true, isService: false });
}

interface Service {
  readonly instance: string;
  readonly uid: number;
  readonly isIsolated: boolean;
  /** Somebody else sees to its life. */
  readonly isService: boolean;
}

async function serve(files: InstanceFiles, { instance, uid, isIsolated, isService }: Service): Promise<number> {
  const lock = lockInstance(files);
  if (lock === undefined) {
    log.info('A helper of this instance is running already', { instance });
    return 0;
  }
  const laptop = loadLaptop(instance, files, isIsolated);
  await undoLeftovers(laptop);
  const rest = setTimeout(returnMemory, restMs).unref();
  const server = new HelperServer(laptop, {
    socketPath: files.socket,
    uid,
    leaseMs: isService ? undefined : leaseMs,
    setLogLevel: setLevel,
    onAnswered: () => rest.refresh(),
  });
  let exitCode = 0;
  const fail = (error: unknown) => {
    exitCode = 1;
    log.error('Unexpected failure, ending', { reason: error instanceof Error ? error.stack : String(error) });
    void server.stop();
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void server.stop());
  // The terminal that it was started from may go; the daemon's connection is what counts.
  process.on('SIGHUP', () => undefined);
  await server.start();
  log.info('Helper is listening', { instance, uid, pid: process.pid });
  return finish(await server.ended, lock) ? exitCode : 1;
}

async function restore(instance: string, files: InstanceFiles): Promise<number> {
  const deadline = performance.now() + restoreDeadlineMs;
  for (;;) {
    const lock = lockInstance(files);
    if (lock !== undefined) return finish(await undoLeftovers(loadLaptop(instance, files)), lock) ? 0 : 1;
    if (performance.now() > deadline) break;
    // Whoever holds the lock is a living helper, so the number is not one that was given out again.
    const holder = lockHolder(files);
    if (holder !== undefined) terminate(holder);
    await delay(100);
  }
  log.error('The running helper does not end', { instance });
  return 1;
}

function terminate(pid: number): void {
  try {
    kill(pid, 'SIGTERM');
  } catch {
    // It has just ended.
  }
}

function loadLaptop(instance: string, files: InstanceFiles, isIsolated = false): Laptop {
  const journal = new Journal(files.journal);
  try {
    journal.load();
  } catch (error) {
    log.error('The journal cannot be read', { path: files.journal, reason: String(error) });
  }
  return systemLaptop(instance, journal, log, isIsolated);
}

function finish(isComplete: boolean, lock: InstanceLock): boolean {
  if (isComplete) lock.removeFiles();
  else log.error('Some changes could not be undone; the next start tries again');
  return isComplete;
}
