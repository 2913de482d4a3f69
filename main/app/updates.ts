import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#base/common/log.ts';

/** Updates of an installed app from where its builder put them. */
export interface Updates {
  readonly isConfigured: boolean;
  /** The version that there is; `undefined` where this one is the newest. It is fetched, and installed when the app ends. */
  check(): Promise<string | undefined>;
}

/**
 * Off unless the build has `app-update.yml` among its resources, which `electron-builder` writes where a place to publish to is
 * configured. A checkout and a package of a Linux distribution have none.
 */
export function createUpdates(resourcesPath: string, isPackaged: boolean, logger: Logger): Updates {
  const isConfigured = isPackaged && existsSync(join(resourcesPath, 'app-update.yml'));
  return {
    isConfigured,
    async check() {
      if (!isConfigured) return undefined;
      // Loaded where it is used only: it is larger than the rest of main.
      const { default: updater } = await import('electron-updater');
      const { autoUpdater } = updater;
      autoUpdater.logger = {
        info: (message: unknown) => logger.info(String(message)),
        warn: (message: unknown) => logger.warn(String(message)),
        error: (message: unknown) => logger.error(String(message)),
      };
      autoUpdater.autoInstallOnAppQuit = true;
      const result = await autoUpdater.checkForUpdates();
      return result?.isUpdateAvailable === true ? result.updateInfo.version : undefined;
    },
  };
}
