import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { AppReport, AppRequest, MenuReport, TrayReport } from '../double/control.ts';
import type { AppDirectory } from './app-directory.ts';

const checkout = join(import.meta.dirname, '../../..');

/** What a test waits for comes within this, or never. */
const waitMs = 15_000;

/** A browser writes its profile before it ends. */
const endMs = 10_000;

export type DialogReport = Extract<AppReport, { kind: 'dialog' }>;

/** The app's page: the double has a host of the loopback in place of the scheme. */
export function isAppPage(url: string): boolean {
  return /^(app:\/\/telepresence|http:\/\/telepresence\.app\.localhost)\//.test(url);
}

/** A started app: its main process is the product's, on the double of Electron. */
export class AppUnderTest {
  readonly #child: ChildProcess;
  readonly #reports: AppReport[] = [];
  readonly #waiting = new Set<() => void>();
  readonly exited: Promise<number | NodeJS.Signals>;
  #output = '';
  #lastRequest = 0;
  #browser: Promise<Browser> | undefined;

  /** `inFrontOf`: a command that ends by executing its further arguments, as `nice` does. */
  constructor(
    directory: AppDirectory,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    inFrontOf: readonly string[] = [],
  ) {
    const { program, programArgs } = launch(directory);
    const [file = program, ...fileArgs] = [...inFrontOf, program, ...programArgs, ...args];
    this.#child = spawn(file, fileArgs, {
      cwd: '/',
      env: {
        ...directory.env,
        DOUBLE_APP_PATH: directory.appPath,
        DOUBLE_USER_DATA: directory.userData,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const collect = (data: Buffer) => {
      this.#output += String(data);
    };
    this.#child.stdout?.on('data', collect);
    this.#child.stderr?.on('data', collect);
    this.#child.on('message', (message: AppReport) => {
      this.#reports.push(message);
      for (const look of this.#waiting) look();
    });
    this.exited = new Promise((resolve) =>
      this.#child.on('exit', (code, signal) => {
        resolve(code ?? signal ?? 1);
        for (const look of this.#waiting) look();
      }),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The latest word on something, as soon as it is what is wanted. */
  async until<Kind extends AppReport['kind']>(
    kind: Kind,
    isWanted: (report: Extract<AppReport, { kind: Kind }>) => boolean = () => true,
  ): Promise<Extract<AppReport, { kind: Kind }>> {
    const latest = () =>
      this.#reports.findLast((report) => report.kind === kind) as Extract<AppReport, { kind: Kind }> | undefined;
    return await this.#wait(`${kind} as wanted; last: ${JSON.stringify(latest())}`, () => {
      const report = latest();
      return report !== undefined && isWanted(report) ? report : undefined;
    });
  }

  async tray(isWanted: (tray: TrayReport) => boolean): Promise<TrayReport> {
    const { tray } = await this.until(
      'tray',
      (report) => report.tray !== undefined && report.tray.items.length > 0 && isWanted(report.tray),
    );
    if (tray === undefined) throw new Error('The tray is gone');
    return tray;
  }

  async dialog(): Promise<DialogReport> {
    return await this.until('dialog');
  }

  reportsOf<Kind extends AppReport['kind']>(kind: Kind): readonly Extract<AppReport, { kind: Kind }>[] {
    return this.#reports.filter((report): report is Extract<AppReport, { kind: Kind }> => report.kind === kind);
  }

  async request(request: AppRequest): Promise<void> {
    this.#lastRequest += 1;
    const number = this.#lastRequest;
    this.#child.send({ number, request });
    await this.#wait(
      `the end of ${request.kind}`,
      () => this.#reports.some((report) => report.kind === 'done' && report.request === number) || undefined,
    );
  }

  /** The app's page, in the browser that stands for Electron's. */
  async page(isWanted: (url: string) => boolean = isAppPage): Promise<Page> {
    const { endpoint } = await this.until('browser');
    this.#browser ??= chromium.connectOverCDP(endpoint);
    const [context] = (await this.#browser).contexts();
    if (context === undefined) throw new Error('The browser has no pages');
    for (let page = context.pages().find((candidate) => isWanted(candidate.url())); ; ) {
      if (page !== undefined) return page;
      const opened = await context.waitForEvent('page', { timeout: 300 }).catch(() => undefined);
      await opened?.waitForLoadState().catch(() => undefined);
      page = context.pages().find((candidate) => isWanted(candidate.url()));
    }
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#disconnect();
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    await this.#disconnect();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.send({ number: 0, request: { kind: 'end' } satisfies AppRequest });
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), endMs);
    await this.exited;
    clearTimeout(impatience);
  }

  async #disconnect(): Promise<void> {
    await (await this.#browser)?.close().catch(() => undefined);
    this.#browser = undefined;
  }

  async #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = look();
    if (found !== undefined) return found;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = () => {
      const now = look();
      if (now !== undefined) resolve(now);
      else if (this.#child.exitCode !== null) reject(new Error(`The app ended with ${this.#child.exitCode}: ${this.#output}`));
    };
    const timer = setTimeout(() => reject(new Error(`There was no ${what}\n${this.#output}`)), waitMs);
    this.#waiting.add(check);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }
}

/** Electron's own program where `ELECTRON_BINARY` names one, else the pinned Node with the double. */
function launch(directory: AppDirectory): { readonly program: string; readonly programArgs: readonly string[] } {
  const electron = process.env['ELECTRON_BINARY'];
  if (electron !== undefined && electron !== '') {
    const flags = [`--user-data-dir=${directory.userData}`, '--remote-debugging-port=0', '--disable-gpu', '--no-sandbox'];
    return { program: electron, programArgs: [...flags, directory.appPath] };
  }
  const register = join(checkout, 'e2e/electron/double/register.ts');
  const main = join(directory.appPath, 'dist/main.js');
  return { program: join(checkout, 'node_modules/.bin/node'), programArgs: ['--import', register, main] };
}

/** Labels of a menu, submenus as `a › b`. */
export function menuLabels(items: readonly MenuReport[]): readonly string[] {
  return items.flatMap((item) =>
    item.type === 'separator'
      ? []
      : item.type === 'submenu'
        ? menuLabels(item.items).map((label) => `${item.label} › ${label}`)
        : [item.label],
  );
}
