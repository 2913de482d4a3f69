import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { helperRuntimeDirectory } from '#base/node/paths.ts';
import { tryLock } from './linux-devices.ts';

/** Far more than helpers that end at the same moment. */
const maxLockAttempts = 1_000;

export interface InstanceFiles {
  readonly directory: string;
  /** Directories above it that are the product's, outermost first. */
  readonly parents: readonly string[];
  readonly socket: string;
  readonly journal: string;
  readonly lock: string;
  /** What a detached helper logs. */
  readonly log: string;
  /** What an isolated laptop has instead of the system's. */
  readonly resolvConf: string;
}

/** Held by the one live helper of an instance. */
export interface InstanceLock {
  /** Removes the instance's files, and the directories where nothing else is in them. Only for when nothing is left to undo. */
  removeFiles(): void;
}

export function instanceFiles(instance: string): InstanceFiles {
  return filesIn(join(helperRuntimeDirectory, instance), [helperRuntimeDirectory]);
}

/** Of a helper whose root's rights are those of a user namespace. */
export function rootlessFiles(directory: string): InstanceFiles {
  return filesIn(directory, []);
}

function filesIn(directory: string, parents: readonly string[]): InstanceFiles {
  const file = (name: string) => join(directory, name);
  return {
    directory,
    parents,
    socket: file('helper.sock'),
    journal: file('journal.json'),
    lock: file('lock'),
    log: file('helper.log'),
    resolvConf: file('resolv.conf'),
  };
}

/** Makes the directories, which must be root's alone: everything the helper believes at start is in them. */
export function makeInstanceDirectory(files: InstanceFiles): void {
  for (const directory of [...files.parents, files.directory]) {
    mkdirSync(directory, { recursive: true });
    const found = lstatSync(directory);
    if (!found.isDirectory() || found.uid !== 0) throw new Error(`${directory} does not belong to root`);
    chmodSync(directory, 0o755);
  }
}

/** @returns `undefined` where another helper of this instance lives. */
export function lockInstance(files: InstanceFiles): InstanceLock | undefined {
  for (let attempt = 1; ; attempt += 1) {
    const descriptor = openLock(files, attempt);
    if (descriptor === undefined) continue;
    if (!tryLock(descriptor)) {
      closeSync(descriptor);
      return undefined;
    }
    // A helper that was just ending may have removed the file between our open and our lock.
    if (isSameFile(descriptor, files.lock)) {
      writeSync(descriptor, `${process.pid}\n`);
      return { removeFiles: () => removeFiles(files) };
    }
    closeSync(descriptor);
  }
}

/** `undefined` where a helper that was just ending, of this instance or another, has removed a directory meanwhile. */
function openLock(files: InstanceFiles, attempt: number): number | undefined {
  try {
    makeInstanceDirectory(files);
    return openSync(files.lock, 'a+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && attempt < maxLockAttempts) return undefined;
    throw error;
  }
}

/** The process id that the living helper wrote when it took the lock. */
export function lockHolder(files: InstanceFiles): number | undefined {
  try {
    const pid = Number(readFileSync(files.lock, 'utf8').trim().split('\n').at(-1));
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isSameFile(descriptor: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.ino === fstatSync(descriptor).ino;
}

function removeFiles(files: InstanceFiles): void {
  for (const path of [files.socket, files.journal, files.log, files.resolvConf, files.lock]) rmSync(path, { force: true });
  for (const directory of [files.directory, ...files.parents.toReversed()]) {
    try {
      rmdirSync(directory);
    } catch {
      // Something else is in it, such as another instance: it stays.
      return;
    }
  }
}
