import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { chromiumFlags, chromiumProgram } from '#base/node/chromium.ts';
import { app, beforeEnd } from './app.ts';
import { report } from './control.ts';

const flags = [
  ...chromiumFlags,
  // A test reaches the same pages by this port, which Chromium chooses and writes into its profile.
  '--remote-debugging-port=0',
];

let launched: Promise<BrowserContext> | undefined;

/** The Chromium whose pages are the app's windows; started with the first. */
export function browserContext(): Promise<BrowserContext> {
  launched ??= launch();
  return launched;
}

async function launch(): Promise<BrowserContext> {
  const profile = join(app.getPath('userData'), 'chromium');
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumProgram,
    args: flags,
    viewport: null,
    handleSIGTERM: false,
    handleSIGINT: false,
  });
  beforeEnd(() => context.close());
  const portFile = join(profile, 'DevToolsActivePort');
  const [port = ''] = existsSync(portFile) ? readFileSync(portFile, 'utf8').split('\n') : [];
  report({ kind: 'browser', endpoint: `http://127.0.0.1:${port}` });
  return context;
}
