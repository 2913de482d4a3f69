import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumFlags, chromiumProgram } from '#base/node/chromium.ts';

/** Other programs of this machine make and remove network interfaces, at which browsers break off what they load. */
export const networkChange = /ERR_NETWORK_CHANGED/;

/** Why there can be no window here; undefined where there can. For the name of the tests that are skipped. */
export const missing = existsSync(chromiumProgram) ? undefined : `no browser at ${chromiumProgram}`;

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumProgram, args: [...chromiumFlags] });
}

/** Opens the window at its address. What is broken off by a change of network is loaded once more. */
export async function loadWindow(page: Page, url: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await page.goto(url);
      await page.locator('.app-shell').waitFor();
      return;
    } catch (error) {
      if (attempt === 2) throw error;
    }
  }
}
