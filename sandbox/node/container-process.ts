import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type ContainerSetup, containerScript, readyDescriptor, setprivOptions } from './container-script.ts';
import { findChild, type Machine, systemPath, systemProgram } from './machine.ts';

/** A running container. */
export interface ContainerProcess {
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  /** Settled when its file system is in place and its program begins, or when it has ended before that. */
  readonly running: Promise<void>;
  readonly ended: Promise<ContainerExit>;
  /** Sends a signal to the container's first process; `SIGKILL` ends all of them. One that is still being made hears of it when it runs. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** The container's first process as seen from outside of the machine; absent before it starts and after its end. */
  firstProcess(): number | undefined;
  /** What to run on this machine to run `command` in the container. */
  execCommand(command: readonly string[]): readonly string[] | undefined;
}

export interface ContainerExit {
  readonly exitCode: number;
  readonly signal?: number;
}

export interface ContainerStart extends ContainerSetup {
  readonly network: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A file of the container's own, for the script of its first process. */
  readonly scriptFile: string;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Starts a container. That its program cannot be found shows as exit code 127 and a line in the log. */
export function startContainerProcess(machine: Machine, start: ContainerStart): ContainerProcess {
  writeFileSync(start.scriptFile, containerScript(start), { mode: 0o600 });
  const [program, ...args] = [
    ...machine.enter({ network: start.network, isProcess: true }),
    systemProgram('unshare'),
    '--mount',
    '--uts',
    '--ipc',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--propagation=private',
    systemProgram('sh'),
    '-e',
    start.scriptFile,
  ];
  const child = spawn(program, args, {
    env: { PATH: systemPath, ...start.environment },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    cwd: '/',
  });
  const [stdout, stderr, ready] = [1, 2, readyDescriptor].map((descriptor) => child.stdio[descriptor]) as [
    Readable,
    Readable,
    Readable,
  ];
  const running = Promise.race([once(ready, 'data'), once(child, 'close')])
    .catch(() => undefined)
    .then(() => void ready.destroy());
  let hasEnded = false;
  let wasKilled = false;
  const ended = exitOf(child).then((exit) => {
    hasEnded = true;
    // unshare cannot always pass on by which signal its child ended; of ours it is known.
    return wasKilled && exit.signal === undefined && exit.exitCode === 1 ? { exitCode: 137, signal: 9 } : exit;
  });
  let firstProcess: number | undefined;
  // nsenter, which runs outside of the machine, has one child: unshare. That has one, too.
  const findFirst = () => {
    if (hasEnded || child.pid === undefined) return undefined;
    if (firstProcess === undefined) {
      const unshare = findChild(child.pid);
      firstProcess = unshare === undefined ? undefined : findChild(unshare);
    }
    return firstProcess;
  };
  return {
    stdout,
    stderr,
    running,
    ended,
    kill: (signal) => {
      const isFinal = signal === 'SIGKILL';
      wasKilled ||= isFinal;
      const pid = findFirst();
      if (isFinal && pid !== undefined) kill(pid, signal);
      // Without a program there is nobody to hear it, and nsenter alone must not die: what it has started would go on without it.
      else void running.then(() => kill(findFirst(), signal));
    },
    firstProcess: findFirst,
    execCommand: (command) => {
      const pid = findFirst();
      if (pid === undefined) return undefined;
      return [
        systemProgram('nsenter'),
        `--target=${pid}`,
        ...(machine.hasUsers ? [] : ['--user', '--preserve-credentials']),
        '--mount',
        '--uts',
        '--ipc',
        '--net',
        '--pid',
        '--root',
        `--wdns=${start.workingDirectory}`,
        '--',
        '/usr/bin/setpriv',
        ...setprivOptions(start.identity),
        '--',
        ...command,
      ];
    },
  };
}

async function exitOf(child: ChildProcess): Promise<ContainerExit> {
  return await new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 128 }));
    // 'close' comes when its output has been read, too.
    child.once('close', (code, signal) => {
      const number = signal === null ? undefined : (signalNumbers[signal] ?? 9);
      resolve(number === undefined ? { exitCode: code ?? 0 } : { exitCode: 128 + number, signal: number });
    });
  });
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}
