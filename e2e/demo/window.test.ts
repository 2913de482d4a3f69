import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import { freePort } from '#net/testing/free-port.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { eventually } from '../support/eventually.ts';
import { type SandboxDesk, startSandboxDesk } from '../support/sandbox-desk.ts';
import { titled } from '../support/settings.ts';
import { launchBrowser, loadWindow, missing as missingBrowser } from '../ui/testing/browser.ts';
import { takeDarkDocsPicture, takeDocsPicture } from '../ui/testing/pictures.ts';
import { takePicture } from '../ui/testing/ui-bed.ts';

const missing = process.platform === 'linux' ? missingBrowser : 'needs Linux';
const stepMs = 60_000;

/** Answers on the port that the wizard fills in, with what the pod has in its environment. */
const handlerProgram = `require('node:http').createServer((request, response) => {
  response.end('laptop ' + process.env.SHOP_TITLE + ' ' + request.url);
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('The catalogue listens'));`;

/**
 * The window in a real browser, on the real daemon, with the shop in a sandbox: every page, and the whole wizard. The tests build on each
 * other. Its pictures are those of the documentation.
 */
describe.skipIf(missing !== undefined)(titled('the window on a sandbox', missing), { timeout: 180_000, retry: 0 }, () => {
  let desk: SandboxDesk;
  let browser: Browser;
  const windows: Page[] = [];
  let page: Page;
  let second: Page;
  let port = 0;
  let folder = '';

  beforeAll(async () => {
    desk = await startSandboxDesk({ hasShop: true });
    folder = join(desk.directory, 'catalogue');
    mkdirSync(folder);
    writeFileSync(join(folder, 'server.cjs'), handlerProgram);
    port = await freePort();
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'catalogue', scripts: { dev: `node server.cjs ${port}` } }),
    );
    browser = await launchBrowser();
    page = await open(await desk.windowUrl());
  });
  afterAll(async () => {
    await browser?.close();
    await desk?.close();
  });

  // What was there to see tells more than what was not found.
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      for (const [index, window] of windows.entries()) await takePicture(window, `failed-${index}`);
    });
  });

  async function open(url: string): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1_120, height: 700 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(stepMs);
    const opened = await context.newPage();
    windows.push(opened);
    await loadWindow(opened, url);
    return opened;
  }

  const status = (window: Page) => window.getByRole('contentinfo', { name: 'Status' });
  const isOn = async (window: Page) =>
    await status(window).getByRole('button', { name: 'Connection menu: On' }).waitFor({ timeout: stepMs });
  const shows = async (window: Page, text: string | RegExp) => await window.getByText(text).first().waitFor({ timeout: stepMs });
  const next = async () => await page.getByRole('button', { name: 'Next', exact: true }).click();
  const ask = async () =>
    await desk.telepresence(['shell', '--', 'curl', '--silent', '--max-time', '5', 'http://catalogue.shop/x']);

  it('welcomes, and leaves the laptop’s network alone when told so', async () => {
    const dialog = page.getByRole('dialog', { name: 'Welcome to Telepresence' });
    await dialog.waitFor();
    await next();
    await page.getByRole('radio', { name: 'Without root' }).click();
    await next();
    await shows(page, 'telepresence-sandbox');
    await next();
    await page.getByRole('button', { name: 'Skip the welcome' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Connection', exact: true }).waitFor();
    await shows(page, 'telepresence-sandbox');
  });

  it('follows a connect of the command line, and so does a second window', async () => {
    second = await open(await desk.windowUrl());
    await status(second).getByRole('button', { name: 'Connection menu: Off' }).waitFor();
    await desk.telepresence(['connect', '--rootless', '--namespace', 'shop']);
    await Promise.all([isOn(page), isOn(second)]);
  });

  it('disconnects and connects by its own buttons', async () => {
    await status(page).getByRole('button', { name: 'Connection menu: On' }).click();
    await page.getByRole('menuitem', { name: 'Disconnect' }).click();
    await status(second).getByRole('button', { name: 'Connection menu: Off' }).waitFor();
    await openPage(page, 'Connection');
    await page
      .getByRole('button', { name: /^Connect to telepresence-sandbox/ })
      .first()
      .click();
    await Promise.all([isOn(page), isOn(second)]);
  });

  it('lists the workloads of the namespace, live', async () => {
    await openPage(page, 'Workloads');
    for (const name of ['cart', 'catalogue', 'stock', 'web']) {
      await page.getByRole('row', { name, exact: true }).getByText('1/1').waitFor();
    }
    await takeDocsPicture(page, 'workloads');
  });

  it('takes the wizard from a workload to a handler that answers', async () => {
    await page.getByRole('row', { name: 'catalogue', exact: true }).getByRole('button', { name: 'Intercept catalogue…' }).click();
    await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();
    await takeDocsPicture(page, 'wizard-1-what');
    await next();
    await shows(page, 'Nobody else has this port.');
    await takeDocsPicture(page, 'wizard-2-who');
    await next();
    await page.getByRole('radio', { name: 'From a folder' }).check();
    await page.getByRole('textbox', { name: 'Folder' }).fill(folder);
    await page.getByRole('radio', { name: 'dev' }).check();
    await page.getByRole('textbox', { name: 'Port on this laptop' }).fill(String(port));
    await shows(page, 'Free: the command can listen here.');
    await takeDocsPicture(page, 'wizard-3-where');
    await next();
    await page.getByRole('heading', { name: 'Review and start' }).waitFor();
    await shows(page, /1 pod is replaced/);
    await takeDocsPicture(page, 'wizard-4-review');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('article', { name: 'catalogue' }).waitFor({ timeout: 90_000 });
    await eventually('the handler answers', async () => expect(await ask()).toContain('laptop Tea for two /x'), {
      timeoutMs: 30_000,
    });
    for (let count = 0; count < 4; count += 1) await ask();
    await openPage(second, 'Engagements');
    await second.getByRole('article', { name: 'catalogue' }).waitFor();
    const engagement = page.getByRole('article', { name: 'catalogue' });
    await engagement
      .getByRole('row', { name: /GET .*\/x/ })
      .nth(4)
      .waitFor();
    await engagement.getByText('5', { exact: true }).first().waitFor();
    await takeDocsPicture(page, 'engagement');
  });

  it('shows the requests of the handler, with their details', async () => {
    await openPage(page, 'Traffic');
    await page.getByRole('row', { name: 'GET /x, 200' }).first().click();
    const detail = page.getByRole('complementary', { name: 'Details' });
    await detail.getByText('GET /x HTTP/1.1').waitFor();
    await takeDocsPicture(page, 'traffic');
    await detail.getByRole('button', { name: 'Close the details' }).click();
    expect(await desk.telepresence(['traffic', 'catalogue', '--grep', '/x'])).toMatch(/GET +200 .* -> 127\.0\.0\.1:\d+ +\/x/);
  });

  it('resolves and reaches names of the cluster in a terminal', async () => {
    await openPage(page, 'Terminal');
    await page.getByRole('button', { name: 'New terminal' }).click();
    await page.getByRole('textbox', { name: 'Terminal input' }).waitFor({ state: 'attached' });
    const rows = page.locator('.xterm-rows');
    await page.keyboard.type('PS1="\\$ "; clear; echo re"ad"y\n');
    await rows.getByText('ready', { exact: true }).waitFor();
    await page.keyboard.type('getent hosts web.shop\n');
    await rows.getByText(/^\d+\.\d+\.\d+\.\d+\s+web\.shop/).waitFor();
    await page.keyboard.type('curl -s http://catalogue.shop/teapot; echo\n');
    await rows.getByText('laptop Tea for two /teapot').waitFor();
    await takeDarkDocsPicture(page, 'terminal');
  });

  it('shows the logs of daemon and handler', async () => {
    await openPage(page, 'Logs');
    await page.getByRole('log', { name: 'Log: Daemon' }).getByText('Daemon started').first().waitFor();
    await page
      .getByRole('navigation', { name: 'Logs' })
      .getByRole('button', { name: /catalogue/ })
      .first()
      .click();
    await shows(page, 'The catalogue listens');
  });

  it('makes the doctor’s checks', async () => {
    await openPage(page, 'Diagnose');
    await shows(page, /\d+ passed/);
    await takeDarkDocsPicture(page, 'doctor');
  });

  it('shows settings with where they come from', async () => {
    await openPage(page, 'Settings');
    await shows(page, 'timeouts.helm');
  });

  it('shows trouble when the daemon is killed, and then all of it again without a reload', async () => {
    await page.evaluate('globalThis.isSamePage = true');
    process.kill((await daemonState(desk)).daemon.pid, 'SIGKILL');
    await shows(page, 'Trouble: The daemon does not answer');
    // Whatever asks for a daemon starts one; a page in a browser cannot.
    await desk.telepresence(['list-namespaces']);
    await isOn(page);
    await openPage(page, 'Engagements');
    await page.getByRole('article', { name: 'catalogue' }).waitFor();
    await eventually('the handler answers again', async () => expect(await ask()).toContain('laptop Tea for two'), {
      timeoutMs: 60_000,
    });
    expect(await page.evaluate('globalThis.isSamePage')).toBe(true);
  });

  it('leaves, and the app in the cluster answers again', async () => {
    await page.getByRole('article', { name: 'catalogue' }).getByRole('button', { name: 'Leave' }).click();
    await eventually('it has left', async () => expect(Object.keys((await daemonState(desk)).engagements)).toEqual([]), {
      timeoutMs: 30_000,
    });
    await eventually('the app answers', async () => expect(await ask()).not.toContain('laptop'), { timeoutMs: 30_000 });
  });
});

/** Goes to a page by the rail, which counts what is there. */
async function openPage(window: Page, name: string): Promise<void> {
  const rail = window.getByRole('navigation', { name: 'Pages' });
  await rail.getByRole('button', { name: new RegExp(`^${name}`) }).click();
}

async function daemonState(desk: SandboxDesk): Promise<DaemonState> {
  const api = await desk.api();
  const first = new AbortController();
  try {
    return await new Promise<DaemonState>((resolve, reject) => {
      mirrorState(api, resolve, first.signal).catch(reject);
    });
  } finally {
    first.abort();
    api.close();
  }
}
