import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Sends a signal to a process group; one that has ended is left alone. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // There is nobody in it.
  }
}

/** A process of Linux as `/proc/PID/stat` tells: `pid (name) state ppid pgrp session …`; dead ones that nobody has collected are left out. */
export interface RunningProcess {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
}

/** None on other systems. */
export function runningProcesses(): RunningProcess[] {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The name may hold anything, parentheses too.
      const [state, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' || state === 'X' ? [] : [{ pid: Number(name), group: Number(group), session: Number(session) }];
    } catch {
      return [];
    }
  });
}

/** Processes of this user that were started with a variable, and what those started. */
export function processesWith(variable: string, value: string): number[] {
  const wanted = `${variable}=${value}`;
  return runningProcesses().flatMap(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(wanted) ? [pid] : [];
    } catch {
      return [];
    }
  });
}

/** Sends `first`, and SIGKILL to what is there after the grace. `members` says what is left. */
export async function endProcesses(
  members: () => readonly number[],
  graceMs: number,
  first: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  const send = (signal: NodeJS.Signals) => {
    for (const pid of members()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
  };
  send(first);
  // A stopped process would not even see it.
  send('SIGCONT');
  const end = performance.now() + graceMs;
  while (members().length > 0 && performance.now() < end) await sleep(20);
  send('SIGKILL');
}
