import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { type BrowserWindow, dialog, shell } from 'electron';
import { productVersion } from '#base/common/version.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HelperStarter } from '../app/helper-starter.ts';
import type { Quit } from '../app/quit.ts';
import type { Updates } from '../app/updates.ts';
import type { HelperService } from '../helper/helper-service.ts';
import { checkExternalUrl } from './external-url.ts';
import type { BridgeHandlers } from './serve-bridge.ts';

export interface BridgeHandlersOptions {
  window(): BrowserWindow | undefined;
  startDaemon(): void;
  readonly helper: HelperStarter;
  readonly helperService: HelperService;
  readonly quit: Quit;
  readonly updates: Updates;
  readonly hasTray: boolean;
}

/** What main does for its page. */
export function createBridgeHandlers({
  window,
  startDaemon,
  helper,
  helperService,
  quit,
  updates,
  hasTray,
}: BridgeHandlersOptions): BridgeHandlers {
  return {
    describeApp: async () => ({
      platform: process.platform,
      version: productVersion,
      hasTray,
      canUpdate: updates.isConfigured,
    }),
    async chooseFolder({ title, directory }) {
      const options: Electron.OpenDialogOptions = {
        title,
        properties: ['openDirectory', 'createDirectory'],
        ...(directory === undefined ? {} : { defaultPath: directory }),
      };
      const parent = window();
      const { canceled, filePaths } = await (parent === undefined
        ? dialog.showOpenDialog(options)
        : dialog.showOpenDialog(parent, options));
      const [chosen] = filePaths;
      return canceled || chosen === undefined ? {} : { directory: chosen };
    },
    async openExternal({ url }) {
      await shell.openExternal(checkExternalUrl(url));
      return {};
    },
    async showItem({ path }) {
      if (!isAbsolute(path) || !existsSync(path)) {
        throw new AppError({ code: 'not-found', message: `There is no file or folder ${path}` });
      }
      shell.showItemInFolder(path);
      return {};
    },
    async startDaemon() {
      startDaemon();
      return {};
    },
    describeHelperStart: () => helper.describe(),
    async startHelper({ command }) {
      await helper.startShown(command);
      return {};
    },
    describeHelperService: () => helperService.describe(),
    async changeHelperService({ isInstalled, command }) {
      await helperService.change(isInstalled, command);
      return {};
    },
    async quitApp({ choice }) {
      // Its end takes the page away, so it is not waited for.
      void quit.request(choice);
      return {};
    },
    async checkForUpdate() {
      const version = await updates.check();
      return version === undefined ? {} : { version };
    },
  };
}
