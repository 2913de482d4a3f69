import { userInfo } from 'node:os';

/** The user's own shell: what the environment says, what the system knows, or the one that is everywhere. */
export function userShell(env: Readonly<Record<string, string | undefined>>): string {
  return env['SHELL'] || userInfo().shell || '/bin/sh';
}
