import { join } from 'node:path';
import { app, BrowserWindow, screen } from 'electron';
import type { AppLayout } from '../app/layout.ts';
import { rendererOrigin } from '../app/serve-renderer.ts';
import { defaultSize, minimumSize, readWindowPlace, restoredPlace, saveWindowPlace } from './window-bounds.ts';

export interface AppWindowOptions {
  readonly layout: AppLayout;
  /** The person closed the window: true hides it, false lets it close for good. */
  onClose(): boolean;
  /** A page begins anew, or there is none: ports of the former one lead nowhere. */
  onPageGone(): void;
}

/** The app's one window, made when it is first shown and hidden when it is closed. */
export interface AppWindow {
  show(): void;
  /** For a start without a tray: the window is in the task bar, and in nobody's way. */
  showMinimized(): void;
  readonly window: BrowserWindow | undefined;
}

export function createAppWindow(options: AppWindowOptions): AppWindow {
  let window: BrowserWindow | undefined;
  const open = () => {
    if (window === undefined || window.isDestroyed()) window = openWindow(options);
    return window;
  };
  return {
    show() {
      const shown = open();
      if (shown.isMinimized()) shown.restore();
      shown.show();
      shown.focus();
    },
    showMinimized: () => open().minimize(),
    get window() {
      return window === undefined || window.isDestroyed() ? undefined : window;
    },
  };
}

function openWindow({ layout, onClose, onPageGone }: AppWindowOptions): BrowserWindow {
  const placeFile = join(app.getPath('userData'), 'window.json');
  const workAreas = screen.getAllDisplays().map(({ workArea }) => workArea);
  const place = restoredPlace(readWindowPlace(placeFile), workAreas);
  const window = new BrowserWindow({
    ...defaultSize,
    ...place.bounds,
    minWidth: minimumSize.width,
    minHeight: minimumSize.height,
    title: 'Telepresence',
    show: false,
    autoHideMenuBar: true,
    ...titleBar(),
    ...(process.platform === 'linux' ? { icon: join(layout.iconDirectory, 'app-256.png') } : {}),
    webPreferences: {
      preload: layout.preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (place.isMaximized) window.maximize();
  window.on('close', (event) => {
    saveWindowPlace(placeFile, window.getNormalBounds(), window.isMaximized());
    if (!onClose()) return;
    event.preventDefault();
    window.hide();
  });
  window.webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (isMainFrame && !isSameDocument) onPageGone();
  });
  window.on('closed', onPageGone);
  // macOS: the app lives in the menu bar, and is in the Dock only while there is a window.
  window.on('show', () => void app.dock?.show());
  window.on('hide', () => app.dock?.hide());
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    onPageGone();
    // A page holds no state, so a new one is as good; one that was ended on purpose is not missed.
    if (reason !== 'clean-exit' && !window.isDestroyed()) void window.loadURL(`${rendererOrigin}/`);
  });
  void window.loadURL(`${rendererOrigin}/`);
  return window;
}

/** The page draws its own top bar where the system puts its buttons into it; Linux desktops each have a frame of their own. */
function titleBar(): Electron.BrowserWindowConstructorOptions {
  if (process.platform === 'darwin') return { titleBarStyle: 'hiddenInset' };
  if (process.platform === 'win32') return { titleBarStyle: 'hidden', titleBarOverlay: { height: 40 } };
  return {};
}
