import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Electron from 'electron';
import { expect, test } from 'vitest';
import * as double from './double/electron.ts';

/**
 * What the app's main process uses of Electron, by Electron's own declarations. The compiler refuses a double that does not fit: another
 * name, an argument that it could not take, a result that Electron would not give.
 */
interface UsedModules {
  readonly app: Pick<
    Electron.App,
    | 'enableSandbox'
    | 'exit'
    | 'getAppPath'
    | 'getPath'
    | 'isPackaged'
    | 'off'
    | 'on'
    | 'quit'
    | 'requestSingleInstanceLock'
    | 'setAsDefaultProtocolClient'
    | 'setLoginItemSettings'
    | 'whenReady'
  >;
  readonly BrowserWindow: new (
    options?: Electron.BrowserWindowConstructorOptions,
  ) => Pick<
    Electron.BrowserWindow,
    | 'close'
    | 'focus'
    | 'getNormalBounds'
    | 'hide'
    | 'isDestroyed'
    | 'isMaximized'
    | 'isMinimized'
    | 'loadURL'
    | 'maximize'
    | 'minimize'
    | 'on'
    | 'restore'
    | 'show'
  > & {
    readonly webContents: Pick<Electron.WebContents, 'on' | 'setWindowOpenHandler'> & {
      readonly mainFrame: Pick<Electron.WebFrameMain, 'origin' | 'parent' | 'processId' | 'routingId' | 'url'>;
    };
  };
  readonly MessageChannelMain: new () => Readonly<
    Record<'port1' | 'port2', Pick<Electron.MessagePortMain, 'close' | 'on' | 'postMessage' | 'start'>>
  >;
  readonly ipcMain: Pick<Electron.IpcMain, 'on'>;
  readonly protocol: Pick<Electron.Protocol, 'handle' | 'registerSchemesAsPrivileged'>;
  readonly session: {
    readonly defaultSession: Pick<
      Electron.Session,
      'setDevicePermissionHandler' | 'setPermissionCheckHandler' | 'setPermissionRequestHandler'
    >;
  };
  readonly clipboard: Pick<Electron.Clipboard, 'writeText'>;
  readonly dialog: Pick<Electron.Dialog, 'showMessageBox' | 'showOpenDialog'>;
  readonly nativeTheme: Pick<Electron.NativeTheme, 'off' | 'on' | 'shouldUseDarkColors' | 'themeSource'>;
  readonly powerMonitor: Pick<Electron.PowerMonitor, 'on'>;
  readonly screen: Pick<Electron.Screen, 'getAllDisplays'>;
  readonly shell: Pick<Electron.Shell, 'openExternal' | 'showItemInFolder'>;
  readonly Notification: (new (
    options?: Electron.NotificationConstructorOptions,
  ) => Pick<Electron.Notification, 'on' | 'show'>) &
    Pick<typeof Electron.Notification, 'isSupported'>;
  /** Images and menus are the double's own; how they are made and taken is Electron's. */
  readonly nativeImage: { createFromPath(path: string): Pick<Electron.NativeImage, 'isEmpty' | 'setTemplateImage'> };
  readonly Menu: {
    buildFromTemplate(template: Electron.MenuItemConstructorOptions[]): object;
    setApplicationMenu(menu: null): void;
  };
  readonly Tray: new (
    image: never,
  ) => Pick<Electron.Tray, 'destroy' | 'on' | 'setToolTip'> & {
    setContextMenu(menu: never): void;
    setImage(image: never): void;
  };
}

const checked: UsedModules = double;

/** Names that the sources of main take from Electron as values: types are gone when it runs. */
function importedModules(): readonly string[] {
  const main = join(import.meta.dirname, '../../main');
  const files = globSync('**/*.ts', { cwd: main }).filter((file) => !/^preload\/|\.test\.ts$|\.d\.ts$/.test(file));
  const names = files.flatMap((file) =>
    [...readFileSync(join(main, file), 'utf8').matchAll(/^import \{([^}]*)\} from 'electron';$/gm)].flatMap(([, list = '']) =>
      list.split(',').flatMap((name) => (/^\s*(type .*)?$/.test(name) ? [] : [name.trim()])),
    ),
  );
  return [...new Set(names)].toSorted();
}

/** What `electron-updater` takes beside them. */
const updaterModules = ['autoUpdater', 'net'];

test('has every module of Electron that the app imports, and no other', () => {
  expect(importedModules()).toContain('BrowserWindow');
  expect(Object.keys(checked).toSorted()).toEqual([...importedModules(), ...updaterModules].toSorted());
});
