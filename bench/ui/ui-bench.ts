import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { loadWindow } from '../../e2e/ui/testing/browser.ts';
import { startFakeHost } from '../../e2e/ui/testing/fake-host.ts';
import { createFakeState, type FakeState } from '../../e2e/ui/testing/fake-state.ts';
import type { World } from '../../e2e/ui/testing/fake-world.ts';
import type { Finding } from '../measures/measure.ts';
import { installProbes } from './page-probes.ts';

/** What a measure of the window works with. */
export interface UiBench {
  readonly browser: Browser;
  readonly isQuick: boolean;
  show(finding: Finding): void;
}

export interface UiMeasure {
  /** For filters. */
  readonly name: string;
  run(bench: UiBench): Promise<void>;
}

/** A window on a daemon that plays a part, in a browser profile of its own. */
export interface FakeWindow {
  readonly page: Page;
  readonly state: FakeState;
}

export async function withFakeWindow(
  { browser }: UiBench,
  { state: initial, handlers }: World,
  work: (window: FakeWindow) => Promise<void>,
): Promise<void> {
  const state = createFakeState(initial);
  const host = await startFakeHost(state, handlers);
  try {
    await withPage(browser, host.url, async (page) => await work({ page, state }));
  } finally {
    await host.stop();
  }
}

export async function withPage(browser: Browser, url: string, work: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 } });
  try {
    const page = await context.newPage();
    await loadWindow(page, url);
    await installProbes(page);
    await work(page);
  } finally {
    await context.close();
  }
}

/** Memory of the page's process in MiB: what it has for itself, as the browser's own task manager counts, and all that is resident. */
export async function pageMemory(browser: Browser, page: Page): Promise<{ readonly own: number; readonly resident: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.detach();
  const root = await browser.newBrowserCDPSession();
  const { processInfo } = await root.send('SystemInfo.getProcessInfo');
  await root.detach();
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  const sizes = await Promise.all(renderers.map(processMemory));
  // The browser may keep a spare process, which has nothing in it.
  return sizes.toSorted((a, b) => b.own - a.own)[0] ?? { own: Number.NaN, resident: Number.NaN };
}

export async function processMemory(pid: number): Promise<{ readonly own: number; readonly resident: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(String.raw`^${name}:\s+(\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1_024;
  return { own: mib('RssAnon') + mib('VmSwap'), resident: mib('VmRSS') };
}

export async function goToPage(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name, exact: true }).click();
}
