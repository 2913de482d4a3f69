import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { launchBrowser, loadWindow, missing, networkChange } from './browser.ts';
import { type FakeHost, startFakeHost } from './fake-host.ts';
import { createFakeState, type FakeState } from './fake-state.ts';
import type { World } from './fake-world.ts';

/** A window of its own, on a daemon of its own. */
export interface OpenWindow {
  readonly page: Page;
  readonly state: FakeState;
  readonly host: FakeHost;
}

export interface WindowOptions {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  /** Errors of the console that the test is about. */
  readonly expectedErrors?: RegExp;
}

const pictures = join(import.meta.dirname, '../../../.cache/ui');
/** A machine on which much else runs needs seconds for a page. */
const actionTimeoutMs = 20_000;
const testTimeoutMs = 90_000;

/** One browser for a file of tests; what each opens is closed after it, and errors in its console fail it. */
export function createUiBed(): { open(world: World, options?: WindowOptions): Promise<OpenWindow> } {
  vi.setConfig({ testTimeout: testTimeoutMs, hookTimeout: testTimeoutMs });
  let browser: Browser | undefined;
  const contexts: BrowserContext[] = [];
  const hosts: FakeHost[] = [];
  let errors: string[] = [];

  beforeAll(async () => {
    if (missing === undefined) browser = await launchBrowser();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await Promise.all(hosts.splice(0).map((host) => host.stop()));
    const found = errors;
    errors = [];
    expect(found).toEqual([]);
  });
  afterAll(async () => await browser?.close());

  return {
    async open({ state: initial, handlers }, options = {}) {
      if (browser === undefined) throw new Error('There is no browser');
      const state = createFakeState(initial);
      const host = await startFakeHost(state, handlers);
      hosts.push(host);
      const context = await browser.newContext({
        colorScheme: options.scheme ?? 'light',
        viewport: { width: options.width ?? 1_280, height: options.height ?? 800 },
        reducedMotion: 'reduce',
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      contexts.push(context);
      context.setDefaultTimeout(actionTimeoutMs);
      const page = await context.newPage();
      const note = (text: string) => {
        if (options.expectedErrors?.test(text) !== true && !networkChange.test(text)) errors.push(text);
      };
      page.on('pageerror', (error) => note(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') note(message.text());
      });
      await loadWindow(page, host.url);
      return { page, state, host };
    },
  };
}

/** Keeps a picture of the window for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled' });
}

/** Rules of WCAG 2.2 AA, and what axe calls best practice. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  // The kit puts menus and dialogs at the end of the page, outside of its landmarks, and moves the focus there.
  const isCovered =
    (await page.locator('[role="dialog"], [role="menu"], [role="listbox"]').filter({ visible: true }).count()) > 0;
  const axe = new AxeBuilder({ page });
  const { violations } = await (isCovered ? axe.disableRules(['region']) : axe).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${help}: ${html} ${failureSummary}`),
  );
}

export async function hasFocus(page: Page, target: Locator): Promise<boolean> {
  return (await target.and(page.locator(':focus')).count()) > 0;
}
