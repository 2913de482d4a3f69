import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemFiles } from './laptop.ts';
import { formerContent, hookingInstance } from './resolv-conf.ts';
import type { CommandRunner } from './run-command.ts';

/** What programs ask for names before, or instead of, resolv.conf: they answer for the laptop outside. */
const resolverDirectories = ['/run/systemd/resolve', '/run/nscd'];

/**
 * Whether this process is root in a user namespace of its own, where root's rights reach no further than the namespaces that belong
 * to it (user_namespaces(7)).
 */
export function isInUserNamespace(): boolean {
  const [inside, outside, count] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
  return !(inside === '0' && outside === '0' && count === '4294967295');
}

/**
 * Makes the fresh network and mount namespaces of this process a small laptop: a loopback interface that is up, and a resolv.conf
 * that may be written without anybody outside noticing. All of it goes with the last process in the namespaces.
 *
 * @param copy where the file that stands in for resolv.conf is kept
 */
export async function prepareIsolatedLaptop(commands: CommandRunner, copy: string): Promise<void> {
  await commands.run('ip', ['link', 'set', 'dev', 'lo', 'up']);
  const target = targetOf(systemFiles.resolvConf);
  const content = existsSync(target) ? readFileSync(target, 'utf8') : '';
  // A connection of the whole laptop may have hooked the file; inside, what was there before counts.
  const former = hookingInstance(content) === undefined ? content : (formerContent(content) ?? '');
  for (const hidden of resolverDirectories.filter((path) => existsSync(path))) {
    await commands.run('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', hidden]);
  }
  if (!existsSync(target)) {
    // A link into one of the directories that were just hidden.
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, former);
    return;
  }
  writeFileSync(copy, former);
  await commands.run('mount', ['--bind', copy, target]);
}

function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
