/**
 * A double of the Electron modules that the app's main process uses. Windows are pages of a real Chromium, in which the preload runs in a
 * world of its own; pages of the app's scheme come from its own protocol handler. `electron-types.test.ts` checks it against Electron's
 * declarations.
 */
import { report } from './control.ts';
import { Emitter } from './emitter.ts';

export { app } from './app.ts';
export { BrowserWindow } from './browser-window.ts';
export { dialog, Menu, Notification, nativeImage, nativeTheme, powerMonitor, shell, Tray } from './desktop.ts';
export { ipcMain } from './ipc.ts';
export { MessageChannelMain } from './message-ports.ts';
export { net } from './network.ts';
export { protocol, session } from './session.ts';

export const clipboard = {
  async writeText(text: string): Promise<void> {
    report({ kind: 'copied', text });
  },
};

export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1_920, height: 1_040 } }] as never };

/** Told of by the updater, and used by nobody here. */
export const autoUpdater = Object.assign(new Emitter(), { emit: () => false });
