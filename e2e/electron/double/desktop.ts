import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { MenuItemConstructorOptions } from 'electron';
import { type MenuReport, onRequest, report } from './control.ts';
import { Emitter } from './emitter.ts';
import { changeNetwork } from './network.ts';

class NativeImage {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
  isEmpty(): boolean {
    return !existsSync(this.path);
  }
  setTemplateImage(_isTemplate: boolean): void {}
}

export const nativeImage = { createFromPath: (path: string) => new NativeImage(path) };

export class Menu {
  readonly template: readonly MenuItemConstructorOptions[];

  constructor(template: readonly MenuItemConstructorOptions[]) {
    this.template = template;
  }
  static setApplicationMenu(_menu: Menu | null): void {}
  static buildFromTemplate(template: readonly MenuItemConstructorOptions[]): Menu {
    return new Menu(template);
  }
}

const trays = new Set<Tray>();

export class Tray extends Emitter {
  #image: NativeImage;
  #tooltip = '';
  #menu: Menu | undefined;
  #isTelling = false;

  constructor(image: NativeImage) {
    super();
    this.#image = image;
    trays.add(this);
    this.#tell();
  }
  setImage(image: NativeImage): void {
    this.#image = image;
    this.#tell();
  }
  setToolTip(text: string): void {
    this.#tooltip = text;
    this.#tell();
  }
  setContextMenu(menu: Menu | null): void {
    this.#menu = menu ?? undefined;
    this.#tell();
  }
  destroy(): void {
    trays.delete(this);
    report({ kind: 'tray', tray: undefined });
  }
  click(labels: readonly string[]): void {
    let items = this.#menu?.template ?? [];
    for (const [depth, label] of labels.entries()) {
      const item = items.find((candidate) => candidate.label === label);
      if (item === undefined || item.enabled === false) throw new Error(`The menu has no ${label} to click`);
      if (depth === labels.length - 1) (item.click as (() => void) | undefined)?.();
      items = Array.isArray(item.submenu) ? item.submenu : [];
    }
  }
  /** Once for what is set in one go, so that a test never sees half of it. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => this.#tellNow());
  }
  #tellNow(): void {
    this.#isTelling = false;
    if (!trays.has(this)) return;
    report({
      kind: 'tray',
      tray: {
        image: basename(this.#image.path),
        isImageThere: !this.#image.isEmpty(),
        tooltip: this.#tooltip,
        items: (this.#menu?.template ?? []).map(menuReport),
      },
    });
  }
}

function menuReport(item: MenuItemConstructorOptions): MenuReport {
  const items = Array.isArray(item.submenu) ? item.submenu.map(menuReport) : [];
  const type = item.type === 'separator' || item.type === 'checkbox' ? item.type : items.length > 0 ? 'submenu' : 'normal';
  return { type, label: item.label ?? '', isEnabled: item.enabled !== false, isChecked: item.checked === true, items };
}

const notifications = new Map<string, Notification>();

export class Notification extends Emitter {
  readonly #options: { readonly title?: string; readonly body?: string };

  constructor(options: { readonly title?: string; readonly body?: string } = {}) {
    super();
    this.#options = options;
  }
  static isSupported(): boolean {
    return true;
  }
  show(): void {
    notifications.set(this.#options.title ?? '', this);
    report({ kind: 'notification', title: this.#options.title ?? '', body: this.#options.body ?? '' });
  }
}

interface BoxOptions {
  readonly message: string;
  readonly detail?: string;
  readonly buttons?: string[];
}

let lastDialog = 0;
const openDialogs = new Map<number, { readonly buttons: readonly string[]; answer(response: number): void }>();

export const dialog = {
  showMessageBox(...args: readonly unknown[]): Promise<{ response: number; checkboxChecked: boolean }> {
    const { message, detail = '', buttons = ['OK'] } = args.at(-1) as BoxOptions;
    lastDialog += 1;
    const id = lastDialog;
    const { promise, resolve } = Promise.withResolvers<{ response: number; checkboxChecked: boolean }>();
    openDialogs.set(id, { buttons, answer: (response) => resolve({ response, checkboxChecked: false }) });
    report({ kind: 'dialog', id, message, detail, buttons });
    return promise;
  },
  showOpenDialog(..._args: readonly unknown[]): Promise<{ canceled: boolean; filePaths: string[] }> {
    const chosen = process.env['DOUBLE_CHOSEN_FOLDER'];
    return Promise.resolve(chosen === undefined ? { canceled: true, filePaths: [] } : { canceled: false, filePaths: [chosen] });
  },
};

export const shell = {
  async openExternal(url: string): Promise<void> {
    report({ kind: 'opened', what: url });
  },
  showItemInFolder(path: string): void {
    report({ kind: 'opened', what: path });
  },
};

class NativeTheme extends Emitter {
  themeSource: 'system' | 'light' | 'dark' = 'system';
  readonly shouldUseDarkColors = true;
}
export const nativeTheme = new NativeTheme();

export const powerMonitor = new Emitter();

onRequest((request) => {
  if (request.kind === 'click-menu') {
    for (const tray of trays) tray.click(request.labels);
  } else if (request.kind === 'power') powerMonitor.tell(request.event);
  else if (request.kind === 'change-network') changeNetwork();
  else if (request.kind === 'click-notification') {
    const shown = notifications.get(request.title);
    if (shown === undefined) throw new Error(`There is no notification ${request.title} to click`);
    shown.tell('click', {});
  } else if (request.kind === 'answer-dialog') {
    const { buttons, answer } = openDialogs.get(request.id) ?? { buttons: [], answer: () => undefined };
    const index = buttons.indexOf(request.button);
    if (index === -1) throw new Error(`The dialog has no button ${request.button}`);
    openDialogs.delete(request.id);
    answer(index);
  }
});
