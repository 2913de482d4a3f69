import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type ContainerSetup, containerScript, setprivOptions } from './container-script.ts';
import { findChild, type Machine, systemPath, systemProgram } from './machine.ts';

/** A running container. */
export interface ContainerProcess {
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  readonly ended: Promise<ContainerExit>;
  /** Sends a signal to the container's first process; `SIGKILL` ends all of them. */
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
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
  });
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
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    kill: (signal) => {
      const pid = findFirst();
      wasKilled ||= signal === 'SIGKILL';
      if (pid === undefined) child.kill('SIGKILL');
      else kill(pid, signal);
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

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}
