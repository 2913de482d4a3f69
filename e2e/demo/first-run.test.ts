import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type SandboxDesk, startSandboxDesk } from '../support/sandbox-desk.ts';
import { titled } from '../support/settings.ts';
import { launchBrowser, loadWindow, missing as missingBrowser } from '../ui/testing/browser.ts';
import { takePicture } from '../ui/testing/ui-bed.ts';

const missing = process.platform === 'linux' ? missingBrowser : 'needs Linux';
const stepMs = 90_000;

/** The welcome on a laptop that has no cluster at all, on the real daemon, to a shop that can be intercepted. The tests build on each other. */
describe.skipIf(missing !== undefined)(titled('the first run', missing), { timeout: 180_000, retry: 0 }, () => {
  let desk: SandboxDesk;
  let browser: Browser;
  let page: Page;
  let handler: Server;

  beforeAll(async () => {
    desk = await startSandboxDesk({ isFresh: true });
    handler = createServer((request, response) => response.end(`laptop ${request.url}`));
    await new Promise<void>((resolve) => handler.listen(0, '127.0.0.1', resolve));
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1_120, height: 700 }, reducedMotion: 'reduce' });
    context.setDefaultTimeout(stepMs);
    page = await context.newPage();
    await loadWindow(page, await desk.windowUrl());
  });
  afterAll(async () => {
    await browser?.close();
    handler?.close();
    await desk?.close();
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      await takePicture(page, 'failed-first-run');
    });
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });

  async function openSandbox(): Promise<void> {
    await button('Open the sandbox').click();
    const failure = page.getByRole('dialog').getByRole('alert');
    await page.getByText('The sandbox is open and connected').or(failure).first().waitFor();
    expect(await failure.allInnerTexts()).toEqual([]);
  }

  it('opens the sandbox, with the shop and the traffic-manager in it, and connects', async () => {
    await page.getByRole('dialog', { name: 'Welcome to Telepresence' }).waitFor();
    await button('Next').click();
    await page.getByRole('radio', { name: 'Without root' }).click();
    await button('Next').click();
    await button('Next').click();
    await openSandbox();
    const stages = await page.getByRole('list', { name: 'Starting the sandbox' }).innerText();
    for (const stage of ['API server', 'demo shop: web → cart', 'pods of the demo shop', 'traffic-manager']) {
      expect(stages).toContain(stage);
    }
  });

  it('opens it again where it is open', async () => {
    await button('Back').click();
    await button('Next').click();
    await openSandbox();
  });

  it('shows the workloads of the shop', async () => {
    await button('Show the workloads').click();
    for (const name of ['cart', 'catalogue', 'stock', 'web']) {
      await page.getByRole('row', { name, exact: true }).getByText('1/1').waitFor();
    }
  });

  it('has a catalogue that can be intercepted', async () => {
    const { port } = handler.address() as AddressInfo;
    await desk.telepresence(['intercept', 'catalogue', '--port', `${port}:http`]);
    await eventually(
      'the laptop answers',
      async () => {
        const asked = ['shell', '--', 'curl', '--silent', '--max-time', '5', 'http://catalogue/teapot'];
        expect(await desk.telepresence(asked)).toContain('laptop /teapot');
      },
      { timeoutMs: 30_000 },
    );
    await desk.telepresence(['leave', 'catalogue']);
  });
});
