import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { basename, join } from 'node:path';
import {
  app,
  BrowserWindow,
  clipboard,
  dialog,
  Menu,
  type MenuItemConstructorOptions,
  type NativeImage,
  Notification,
  nativeImage,
  powerMonitor,
  shell,
  Tray,
} from 'electron';
import type { AppReport, AppRequest, MenuReport } from '../double/control.ts';

// The app on Electron's own program, for the same suite as on the double: what a test looks at is told, what a person does is done, and
// everything else is Electron's. It is loaded in place of the app's main module, which it then imports.

const report = (message: AppReport) => process.send?.(message);
const imagePaths = new WeakMap<NativeImage, string>();
const templates = new WeakMap<Menu, readonly MenuItemConstructorOptions[]>();
const shown: { image: NativeImage | undefined; tooltip: string; menu: Menu | undefined } = {
  image: undefined,
  tooltip: '',
  menu: undefined,
};

const { createFromPath } = nativeImage;
nativeImage.createFromPath = (path) => {
  const image = createFromPath(path);
  imagePaths.set(image, path);
  return image;
};

const buildFromTemplate = Menu.buildFromTemplate.bind(Menu);
Menu.buildFromTemplate = (template) => {
  const menu = buildFromTemplate(template);
  templates.set(menu, template as MenuItemConstructorOptions[]);
  return menu;
};

const { setImage, setToolTip, setContextMenu, destroy } = Tray.prototype;
Object.assign(Tray.prototype, {
  setImage(this: Tray, image: NativeImage) {
    shown.image = image;
    setImage.call(this, image);
    reportTray();
  },
  setToolTip(this: Tray, text: string) {
    shown.tooltip = text;
    setToolTip.call(this, text);
    reportTray();
  },
  setContextMenu(this: Tray, menu: Menu | null) {
    shown.menu = menu ?? undefined;
    setContextMenu.call(this, menu);
    reportTray();
  },
  destroy(this: Tray) {
    destroy.call(this);
    report({ kind: 'tray', tray: undefined });
  },
});

let isReporting = false;
function reportTray(): void {
  if (isReporting) return;
  isReporting = true;
  queueMicrotask(() => {
    isReporting = false;
    const path = shown.image === undefined ? '' : (imagePaths.get(shown.image) ?? '');
    const items = shown.menu === undefined ? [] : (templates.get(shown.menu) ?? []);
    const isImageThere = shown.image?.isEmpty() === false;
    report({ kind: 'tray', tray: { image: basename(path), isImageThere, tooltip: shown.tooltip, items: items.map(menuReport) } });
  });
}

function menuReport(item: MenuItemConstructorOptions): MenuReport {
  const items = Array.isArray(item.submenu) ? item.submenu.map(menuReport) : [];
  const type = item.type === 'separator' || item.type === 'checkbox' ? item.type : items.length > 0 ? 'submenu' : 'normal';
  return { type, label: item.label ?? '', isEnabled: item.enabled !== false, isChecked: item.checked === true, items };
}

let lastDialog = 0;
const dialogs = new Map<number, { readonly buttons: readonly string[]; answer(response: number): void }>();
Object.assign(dialog, {
  showMessageBox({ message, detail = '', buttons = [] }: Electron.MessageBoxOptions) {
    lastDialog += 1;
    const id = lastDialog;
    const { promise, resolve } = Promise.withResolvers<Electron.MessageBoxReturnValue>();
    dialogs.set(id, { buttons, answer: (response) => resolve({ response, checkboxChecked: false }) });
    report({ kind: 'dialog', id, message, detail, buttons });
    return promise;
  },
});
Object.assign(shell, { openExternal: async (url: string) => report({ kind: 'opened', what: url }) });
Object.assign(clipboard, { writeText: async (text: string) => report({ kind: 'copied', text }) });
const notifications = new Map<string, Notification>();
Notification.prototype.show = function show(this: Notification) {
  notifications.set(this.title, this);
  report({ kind: 'notification', title: this.title, body: this.body });
};

app.on('browser-window-created', (_event, window) => {
  const tell = () => report({ kind: 'window', id: window.id, isVisible: window.isVisible(), isMinimized: window.isMinimized() });
  for (const event of ['show', 'hide', 'minimize', 'restore'] as const) window.on(event as 'show', tell);
  window.webContents.once('dom-ready', reportBrowser);
});

function reportBrowser(): void {
  const file = join(app.getPath('userData'), 'DevToolsActivePort');
  const [port = ''] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  report({ kind: 'browser', endpoint: `http://127.0.0.1:${port}` });
}

process.on('message', ({ number, request }: { readonly number: number; readonly request: AppRequest }) => {
  act(request);
  report({ kind: 'done', request: number });
});

function act(request: AppRequest): void {
  switch (request.kind) {
    case 'click-menu':
      return clickMenu(request.labels);
    case 'answer-dialog': {
      const asked = dialogs.get(request.id);
      asked?.answer(asked.buttons.indexOf(request.button));
      return;
    }
    case 'click-notification':
      notifications.get(request.title)?.emit('click', {});
      return;
    case 'change-network':
      return changeNetwork();
    case 'power':
      powerMonitor.emit(request.event);
      return;
    case 'close-window':
      for (const window of BrowserWindow.getAllWindows()) window.close();
      return;
    case 'quit':
      return app.quit();
    case 'end':
      return app.exit(0);
    case 'open-url':
      app.emit('open-url', { preventDefault: () => undefined }, request.url);
      return;
    case 'open-foreign-page': {
      const preload = join(app.getAppPath(), 'dist/preload.cjs');
      const foreign = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
      void foreign.loadURL(request.url);
      return;
    }
    default:
      request satisfies never;
  }
}

/** As the double's, which this module cannot import where it runs. */
function changeNetwork(): void {
  const real = os.networkInterfaces();
  const address = {
    address: '192.0.2.7',
    netmask: '255.255.255.0',
    mac: '02:00:00:00:00:07',
    internal: false,
    cidr: '192.0.2.7/24',
  };
  os.networkInterfaces = () => ({ ...real, wlan7: [{ ...address, family: 'IPv4' }] });
  syncBuiltinESMExports();
}

function clickMenu(labels: readonly string[]): void {
  let items = shown.menu?.items ?? [];
  for (const [depth, label] of labels.entries()) {
    const item = items.find((candidate) => candidate.label === label);
    if (depth === labels.length - 1) item?.click();
    items = item?.submenu?.items ?? [];
  }
}

// Only known where it runs: beside the app's own files.
const main = './dist/main.js';
await import(main);
