import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPrivilegeBroker } from '../../laptop/privilege-broker.ts';
import type { AppDirectory } from './app-directory.ts';

/** Nobody on this machine. */
const uid = 12_345;

/** Why there can be none: an ordinary user is made by root only, and Electron's own program would want more of a desktop. */
export const missingForDesk =
  process.getuid?.() !== 0 ? 'needs root' : (process.env['ELECTRON_BINARY'] ?? '') !== '' ? 'on the double only' : undefined;

/** How the person answers the system's password prompt; `absent`: the desktop has nothing to ask with. */
export type PromptAnswer = 'granted' | 'dismissed' | 'absent';

/**
 * A desktop whose person is not root: the app runs as an ordinary user in a mount namespace, which has a `/run` of its own and a
 * `/usr/bin/pkexec` that asks nobody. What that is handed runs as root in there, without a network, where the answer is to grant it.
 */
export interface DeskWithPrompt {
  /** For `AppUnderTest`. */
  readonly inFrontOf: readonly string[];
  /** Whether `sudo` asks for no password. */
  allowSudo(isAllowed: boolean): void;
  answer(prompt: PromptAnswer): void;
  /** What was run with root's rights or was asked for, one command line each. */
  asked(by: 'sudo' | 'pkexec'): readonly string[];
  /** The app's process, in whose namespace root's commands run. */
  attach(pid: number | undefined): void;
  /** Gives the person a file or folder that root made meanwhile, as the daemon's socket. */
  own(path: string): void;
  close(): Promise<void>;
}

export async function makeDeskWithPrompt(directory: AppDirectory): Promise<DeskWithPrompt> {
  const at = (name: string) => join(directory.root, name);
  for (const folder of ['root', 'usr-bin', 'asked']) mkdirSync(at(folder));
  let appPid: number | undefined;
  const endBroker = await startPrivilegeBroker(
    {
      uid,
      environment: {},
      spawn(argv, options) {
        if (appPid === undefined) throw new Error('The app does not run');
        const inside = ['--target', String(appPid), '--mount', '--', 'unshare', '--net', '--', ...argv];
        return spawn('nsenter', inside, { cwd: '/', env: { PATH: process.env['PATH'], ...options?.env } });
      },
    },
    at('root'),
  );
  const asRoot = at('root/sudo');
  const program = (path: string, name: string, rest: string) =>
    writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$*" >> ${at('asked')}/${name}\n${rest}\n`, { mode: 0o755 });
  const allowSudo = (isAllowed: boolean) =>
    program(at('bin/sudo'), 'sudo', isAllowed ? `exec ${asRoot} "$@"` : `echo 'sudo: a password is required' >&2; exit 1`);
  const answers = {
    granted: `exec ${asRoot} "$@"`,
    dismissed: `echo 'Error executing command as another user: Request dismissed' >&2; exit 126`,
    absent: `echo 'Error executing command as another user: No authentication agent found.' >&2; exit 127`,
  };
  const answer = (prompt: PromptAnswer) => program(at('usr-bin/pkexec'), 'pkexec', answers[prompt]);
  allowSudo(false);
  answer('dismissed');
  ownAll(directory.root);
  chmodSync(at('asked'), 0o777);
  const enter = [
    'mount -t tmpfs tmpfs /run',
    `mount -t overlay overlay -o lowerdir=${at('usr-bin')}:/usr/bin /usr/bin`,
    `exec setpriv --reuid ${uid} --regid ${uid} --clear-groups -- "$@"`,
  ].join(' && ');
  return {
    inFrontOf: ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', enter, 'sh'],
    allowSudo,
    answer,
    asked: (by) =>
      existsSync(at(`asked/${by}`))
        ? readFileSync(at(`asked/${by}`), 'utf8')
            .trim()
            .split('\n')
        : [],
    attach(pid) {
      appPid = pid;
    },
    own: (path) => chownSync(path, uid, uid),
    async close() {
      endHelpersOf(directory);
      await endBroker();
    },
  };
}

/** Links are not followed: they lead to the checkout. */
function ownAll(path: string): void {
  chownSync(path, uid, uid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) ownAll(inner);
    else if (!entry.isSymbolicLink()) chownSync(inner, uid, uid);
  }
}

/** Those that were started from this home, by their program's path. */
function endHelpersOf({ appPath }: AppDirectory): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const words = commandOf(pid);
    if (words.includes(join(appPath, 'dist/helper.js'))) process.kill(Number(pid), 'SIGTERM');
  }
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
