import { join } from 'node:path';
import { Menu, type MenuItemConstructorOptions, nativeImage, nativeTheme, Tray } from 'electron';
import { trayIconFile } from './tray-icon.ts';
import type { TrayAction, TrayItem, TrayView } from './tray-view.ts';

/** The system's tray. The only place that touches Electron's. */
export interface TrayAdapter {
  show(view: TrayView): void;
  destroy(): void;
}

export function createTray(iconDirectory: string, onAction: (action: TrayAction) => void): TrayAdapter {
  let tray: Tray | undefined;
  let shown: TrayView | undefined;
  const image = (view: TrayView) => {
    const file = trayIconFile(view.icon, process.platform, nativeTheme.shouldUseDarkColors);
    const found = nativeImage.createFromPath(join(iconDirectory, file));
    if (process.platform === 'darwin') found.setTemplateImage(true);
    return found;
  };
  const redraw = () => {
    if (shown !== undefined) tray?.setImage(image(shown));
  };
  nativeTheme.on('updated', redraw);
  return {
    show(view) {
      const isSame = JSON.stringify(view) === JSON.stringify(shown);
      const before = shown;
      shown = view;
      if (tray === undefined) {
        tray = new Tray(image(view));
        // Linux trays show a menu only; elsewhere a click on the icon does what people expect of it there.
        if (process.platform === 'win32') tray.on('click', () => onAction({ kind: 'open-window' }));
      } else if (isSame) return;
      if (before !== undefined && JSON.stringify(before.icon) !== JSON.stringify(view.icon)) tray.setImage(image(view));
      tray.setToolTip(view.tooltip);
      // On Linux a menu that is shown does not change: it has to be set anew.
      tray.setContextMenu(Menu.buildFromTemplate(view.items.map((item) => menuItem(item, onAction))));
    },
    destroy() {
      nativeTheme.off('updated', redraw);
      tray?.destroy();
      tray = undefined;
    },
  };
}

function menuItem(item: TrayItem, onAction: (action: TrayAction) => void): MenuItemConstructorOptions {
  switch (item.kind) {
    case 'separator':
      return { type: 'separator' };
    case 'label':
      return { label: escaped(item.label), enabled: false };
    case 'menu':
      return { label: escaped(item.label), submenu: item.items.map((inner) => menuItem(inner, onAction)) };
    case 'action': {
      const base = { label: escaped(item.label), click: () => onAction(item.action) };
      return item.isChecked === undefined ? base : { ...base, type: 'checkbox', checked: item.isChecked };
    }
    default:
      return item satisfies never;
  }
}

/** An ampersand would mark the next letter as a key. */
function escaped(label: string): string {
  return label.replaceAll('&', '&&');
}
