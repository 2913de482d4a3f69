import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { checkout } from '../../support/settings.ts';
import { smallPng } from './small-png.ts';

/** With `E2E_PICTURES` the pictures of the documentation are made anew, else they are kept for people to look at. */
const isForDocs = (process.env['E2E_PICTURES'] ?? '') !== '';
const directory = join(checkout, isForDocs ? 'docs/images' : '.cache/ui');

/** Keeps a picture of the page as it is, in the colours that it has. */
export async function takeDocsPicture(page: Page, name: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.png`);
  writeFileSync(path, smallPng(await page.screenshot({ animations: 'disabled', caret: 'hide' })));
}

/** As above, in dark colours. */
export async function takeDarkDocsPicture(page: Page, name: string): Promise<void> {
  await useScheme(page, 'dark');
  await takeDocsPicture(page, `${name}-dark`);
  await useScheme(page, 'light');
}

async function useScheme(page: Page, scheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
  await page.locator(`html[data-mantine-color-scheme="${scheme}"]`).waitFor();
}
