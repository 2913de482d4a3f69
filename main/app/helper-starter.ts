import { userInfo } from 'node:os';
import { dialog } from 'electron';
import { isHelperListening } from '#base/node/helper-launch.ts';
import type { Paths } from '#base/node/paths.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HelperDescription } from '#protocol/local-api/diagnose-api.ts';
import type { DaemonLink } from '../daemon/daemon-link.ts';
import { helperQuestionText, isSameCommand } from '../helper/helper-question.ts';
import { type HelperStart, helperStartCommand, startHelper } from '../helper/start-helper.ts';
import type { AppLayout } from './layout.ts';

/** Starts the privileged helper, never without having shown what that runs. */
export interface HelperStarter {
  describe(): Promise<HelperDescription>;
  /** For a page that has shown the command. @throws AppError `usage` where it is not what would run. */
  startShown(command: readonly string[]): Promise<void>;
  /** Asks by a dialog of the system where the helper does not run. False where the person declined. */
  ensure(): Promise<boolean>;
}

export function createHelperStarter(layout: AppLayout, paths: Paths, link: DaemonLink): HelperStarter {
  const uid = process.getuid?.() ?? userInfo().uid;
  const start: HelperStart = {
    nodePath: layout.nodePath,
    helperScript: layout.helperScript,
    instance: paths.helperInstance,
    uid,
    asRoot: uid === 0,
    socketPath: paths.helperSocket,
  };
  const command = helperStartCommand(start);
  const describe = async () => {
    const description = await link.api.call('describeHelper', {});
    // The daemon may be another installation's; what would run here is this app's.
    return { ...description, command: [...command] };
  };
  const ensure = async () => {
    if (await isHelperListening(paths.helperSocket)) return true;
    // Root asks nobody for its own rights.
    if (!start.asRoot) {
      const question = await describe();
      if (question.state !== 'not-running') return true;
      const { response } = await dialog.showMessageBox({
        type: 'question',
        title: 'Start the privileged helper',
        message: 'The network interface and the name resolution of this laptop are set up by a small helper.',
        detail: helperQuestionText(question),
        buttons: ['Start', 'Cancel'],
        defaultId: 0,
        cancelId: 1,
        noLink: true,
      });
      if (response !== 0) return false;
    }
    await startHelper(start);
    return true;
  };
  let ensuring: Promise<boolean> | undefined;
  return {
    describe,
    async startShown(shown) {
      if (!isSameCommand(shown, command)) {
        throw new AppError({ code: 'usage', message: 'The command that was shown is not the one that starts the helper' });
      }
      await startHelper(start);
    },
    ensure() {
      // One question at a time, however often somebody clicks meanwhile.
      ensuring ??= ensure().finally(() => {
        ensuring = undefined;
      });
      return ensuring;
    },
  };
}
