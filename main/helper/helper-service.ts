import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { HelperServiceDescription } from '#protocol/app-bridge/app-bridge.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { isSameCommand } from './helper-question.ts';
import { runAsRoot } from './run-as-root.ts';

/** The helper as a service of the system, which starts with it and asks for no password again. */
export interface HelperService {
  describe(): Promise<HelperServiceDescription>;
  /** For a page that has shown the command. @throws AppError `usage` where it is not what would run; else as `runAsRoot`. */
  change(isInstalled: boolean, shown: readonly string[]): Promise<void>;
}

export interface HelperServiceOptions {
  readonly platform: NodeJS.Platform;
  readonly uid: number;
  /** `Paths.helperInstance` of this app's daemon. */
  readonly instance: string;
  readonly asRoot: boolean;
  /** Where units are looked for. Default: where packages put them. */
  readonly unitDirectories?: readonly string[];
}

const unitTemplate = 'telepresence-helper@.service';
const run = promisify(execFile);

export function createHelperService(options: HelperServiceOptions): HelperService {
  const { platform, uid, instance, asRoot } = options;
  const { unitDirectories = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'] } = options;
  const unit = unitTemplate.replace('@', `@${uid}`);
  const commands = {
    install: ['systemctl', 'enable', '--now', unit],
    uninstall: ['systemctl', 'disable', '--now', unit],
  } as const;
  const obstacle = (): string | undefined => {
    if (platform !== 'linux') return 'On this system the installer of the app decides it';
    if (!unitDirectories.some((directory) => existsSync(`${directory}/${unitTemplate}`)))
      return `The unit ${unitTemplate} comes with the packages of the app, and is not here`;
    // The unit names its helper by the runtime directory that logins have.
    const served = createHash('sha256').update(`${uid}:/run/user/${uid}/telepresence`).digest('hex').slice(0, 12);
    return served === instance ? undefined : 'The daemon has a runtime directory of its own, which the service does not serve';
  };
  return {
    async describe() {
      const reason = obstacle();
      if (reason !== undefined) return { state: 'unsupported', reason, paths: [] };
      const isInstalled = await isEnabled(unit);
      return {
        state: isInstalled ? 'installed' : 'not-installed',
        command: [...(isInstalled ? commands.uninstall : commands.install)],
        paths: [
          {
            path: `/etc/systemd/system/multi-user.target.wants/${unit}`,
            purpose: isInstalled ? 'Removed: no longer starts with the system' : 'Made: starts it with the system',
          },
          { path: '/run/telepresence', purpose: 'Its socket and its journal, while it runs' },
        ],
      };
    },
    async change(isInstalled, shown) {
      const command = isInstalled ? commands.install : commands.uninstall;
      if (obstacle() !== undefined || !isSameCommand(shown, command))
        throw new AppError({ code: 'usage', message: 'The command that was shown is not the one that changes the service' });
      await runAsRoot({
        command,
        asRoot,
        declined: 'The change of the service was declined',
        failed: 'The service of the helper could not be changed',
        remedies: [{ label: 'Do it in a terminal', command: `sudo ${command.join(' ')}` }],
      });
    },
  };
}

async function isEnabled(unit: string): Promise<boolean> {
  try {
    await run('systemctl', ['is-enabled', '--quiet', unit]);
    return true;
  } catch {
    // Its exit code is the answer.
    return false;
  }
}
