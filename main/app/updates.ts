import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AppUpdater } from 'electron-updater';
import type { Logger } from '#base/common/log.ts';

/** Updates of an installed app from where its builder put them. */
export interface Updates {
  readonly isConfigured: boolean;
  /** The version that has been fetched, and is installed when the app ends. */
  readonly ready: string | undefined;
  /** The version that there is; `undefined` where this one is the newest. It is fetched, and installed when the app ends. */
  check(): Promise<string | undefined>;
  /** Ends the app, which has to be ready for that, and starts the fetched version. Does nothing where there is none. */
  install(): void;
}

export interface UpdatesOptions {
  readonly resourcesPath: string;
  readonly isPackaged: boolean;
  readonly logger: Logger;
  /** A version has been fetched. */
  onReady(version: string): void;
}

/**
 * Off unless the build has `app-update.yml` among its resources, which `electron-builder` writes where a place to publish to is
 * configured. A checkout and a package of a Linux distribution have none.
 */
export function createUpdates({ resourcesPath, isPackaged, logger, onReady }: UpdatesOptions): Updates {
  const isConfigured = isPackaged && existsSync(join(resourcesPath, 'app-update.yml'));
  let loading: Promise<AppUpdater> | undefined;
  let fetched: { readonly version: string; readonly updater: AppUpdater } | undefined;
  const load = async (): Promise<AppUpdater> => {
    // Loaded where it is used only: it is larger than the rest of main.
    const { default: module } = await import('electron-updater');
    const updater = module.autoUpdater;
    updater.logger = {
      info: (message: unknown) => logger.info(String(message)),
      warn: (message: unknown) => logger.warn(String(message)),
      error: (message: unknown) => logger.error(String(message)),
    };
    updater.autoInstallOnAppQuit = true;
    updater.on('update-downloaded', ({ version }) => {
      // Every look for updates that finds the same says so again.
      if (version === fetched?.version) return;
      fetched = { version, updater };
      onReady(version);
    });
    return updater;
  };
  return {
    isConfigured,
    get ready() {
      return fetched?.version;
    },
    async check() {
      if (!isConfigured) return undefined;
      loading ??= load();
      const updater = await loading;
      const result = await updater.checkForUpdates();
      return result?.isUpdateAvailable === true ? result.updateInfo.version : undefined;
    },
    install() {
      fetched?.updater.quitAndInstall();
    },
  };
}
