import type { HandlerDetails, WindowOpenHandlerResponse } from 'electron';
import type { Page, Route } from 'playwright-core';
import { app } from './app.ts';
import { browserContext } from './browser.ts';
import { onRequest, report } from './control.ts';
import { Emitter } from './emitter.ts';
import { ipcMain } from './ipc.ts';
import type { MessagePortMain } from './message-ports.ts';
import { PreloadWorld } from './preload-world.ts';
import { answerRequest, askedPermissions, session, toAppUrl, toPageUrl } from './session.ts';

interface Options {
  readonly show?: boolean;
  readonly webPreferences?: { readonly preload?: string; readonly contextIsolation?: boolean; readonly sandbox?: boolean };
}

type OpenHandler = (details: HandlerDetails) => WindowOpenHandlerResponse;

let lastId = 0;
const windows = new Set<BrowserWindow>();

class WebFrameMain {
  readonly parent = null;
  readonly processId: number;
  readonly routingId = 1;
  readonly #contents: WebContents;

  constructor(contents: WebContents, id: number) {
    this.#contents = contents;
    this.processId = id;
  }
  get url(): string {
    return toAppUrl(this.#contents.page?.url() ?? '');
  }
  get origin(): string {
    return /^[a-z]+:\/\/[^/]+/.exec(this.url)?.[0] ?? 'null';
  }
  postMessage(channel: string, message: unknown, transfer: readonly MessagePortMain[] = []): void {
    this.#contents.world?.post(channel, message, transfer);
  }
}

class WebContents extends Emitter {
  page: Page | undefined;
  world: PreloadWorld | undefined;
  readonly mainFrame: WebFrameMain;
  #openHandler: OpenHandler | undefined;
  #ownNavigation: string | undefined;

  constructor(id: number) {
    super();
    this.mainFrame = new WebFrameMain(this, id);
    app.tell('web-contents-created', {}, this);
  }

  setWindowOpenHandler(handler: OpenHandler): void {
    this.#openHandler = handler;
  }

  async open(preload: string | undefined): Promise<void> {
    const context = await browserContext();
    const page = await context.newPage();
    this.page = page;
    await page.route('**/*', (route) => this.#route(page, route));
    page.on('popup', (popup) => {
      const url = toAppUrl(popup.url());
      const details: HandlerDetails = {
        url,
        frameName: '',
        features: '',
        disposition: 'new-window',
        referrer: { url: '', policy: 'default' },
      };
      if (this.#openHandler?.(details).action === 'deny') void popup.close();
    });
    page.on('crash', () => this.tell('render-process-gone', {}, { reason: 'crashed', exitCode: 1 }));
    if (preload === undefined) return;
    const world = new PreloadWorld(await context.newCDPSession(page), (channel) =>
      ipcMain.tell(channel, { senderFrame: this.mainFrame, sender: this }),
    );
    this.world = world;
    await world.start(preload);
  }

  async load(url: string): Promise<void> {
    this.#ownNavigation = toPageUrl(url);
    await this.#allow(url);
    await this.page?.goto(toPageUrl(url));
  }

  /** The browser grants what the app's handlers would, before the page can ask. */
  async #allow(url: string): Promise<void> {
    const { defaultSession } = session;
    const asked = askedPermissions.map(async (name) => ((await defaultSession.isAllowed(name, url)) ? [name] : []));
    const allowed = (await Promise.all(asked)).flat();
    report({ kind: 'permissions', allowed, areDevicesAllowed: defaultSession.isDeviceAllowed(url) });
    const origin = URL.parse(toPageUrl(url))?.origin;
    if (allowed.length > 0 && origin !== undefined && origin !== 'null') {
      await this.page?.context().grantPermissions(allowed, { origin });
    }
  }

  async #route(page: Page, route: Route): Promise<void> {
    const request = route.request();
    const url = toAppUrl(request.url());
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
      const isReload = request.url() === page.url();
      if (request.url() !== this.#ownNavigation && !isReload && this.askWith('will-navigate', { url })) {
        return await route.abort('aborted');
      }
      this.#ownNavigation = undefined;
      this.tell('did-start-navigation', { url, isMainFrame: true, isSameDocument: false });
    }
    const response = await answerRequest(url);
    if (response === undefined) return await route.abort('blockedbyclient');
    await route.fulfill({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: Buffer.from(await response.arrayBuffer()),
    });
  }
}

export class BrowserWindow extends Emitter {
  readonly id: number;
  readonly webContents: WebContents;
  readonly #opened: Promise<void>;
  #isVisible: boolean;
  #isMinimized = false;
  #isMaximized = false;
  #isDestroyed = false;

  constructor(options: Options = {}) {
    super();
    const { preload, contextIsolation, sandbox } = options.webPreferences ?? {};
    if (contextIsolation === false || sandbox === false) throw new Error('The double has isolated and sandboxed pages only');
    lastId += 1;
    this.id = lastId;
    this.webContents = new WebContents(this.id);
    this.#isVisible = options.show !== false;
    this.#opened = this.webContents.open(preload);
    windows.add(this);
    this.#tell();
  }

  async loadURL(url: string): Promise<void> {
    await this.#opened;
    await this.webContents.load(url);
  }
  show(): void {
    this.#isVisible = true;
    this.#tell();
  }
  hide(): void {
    this.#isVisible = false;
    this.#tell();
  }
  focus(): void {}
  minimize(): void {
    this.#isVisible = true;
    this.#isMinimized = true;
    this.#tell();
  }
  restore(): void {
    this.#isMinimized = false;
    this.#tell();
  }
  maximize(): void {
    this.#isMaximized = true;
  }
  isMinimized(): boolean {
    return this.#isMinimized;
  }
  isMaximized(): boolean {
    return this.#isMaximized;
  }
  isDestroyed(): boolean {
    return this.#isDestroyed;
  }
  getNormalBounds(): { x: number; y: number; width: number; height: number } {
    return { x: 100, y: 100, width: 1_180, height: 760 };
  }
  close(): void {
    if (this.#isDestroyed || this.ask('close')) return;
    this.#isDestroyed = true;
    windows.delete(this);
    this.webContents.world?.ended();
    void this.webContents.page?.close();
    this.tell('closed');
    if (windows.size === 0) app.tell('window-all-closed');
  }
  #tell(): void {
    report({ kind: 'window', id: this.id, isVisible: this.#isVisible, isMinimized: this.#isMinimized });
  }
}

let appPreload: string | undefined;

onRequest((request) => {
  if (request.kind === 'close-window') for (const window of windows) window.close();
  if (request.kind === 'open-foreign-page') {
    appPreload = `${app.getAppPath()}/dist/preload.cjs`;
    const foreign = new BrowserWindow({ webPreferences: { preload: appPreload } });
    void foreign.loadURL(request.url);
  }
});
