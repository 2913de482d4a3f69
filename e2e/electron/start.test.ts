import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { runProgram } from '../support/program.ts';
import { checkout } from '../support/settings.ts';
import { launchBrowser, loadWindow, missing as missingBrowser } from '../ui/testing/browser.ts';

/** `npm start` in this checkout, in a home of the test's, where Electron's program cannot be had. */
const electron = join(checkout, 'node_modules/electron/path.txt');
const missing = existsSync(electron) ? 'Electron’s program is here' : missingBrowser;
const note = missing === undefined ? '' : ` (skipped: ${missing})`;

/** A build and a start of the daemon, beside other work. */
const timeoutMs = 90_000;

const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

test.skipIf(missing !== undefined)(`ends with a usable app, and prints where${note}`, async () => {
  const home = mkdtempSync(join(tmpdir(), 'tel-start-'));
  ends.push(async () => rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const at = (name: string) => {
    mkdirSync(join(home, name), { mode: 0o700 });
    return join(home, name);
  };
  const runtime = at('run');
  const socket = join(runtime, 'daemon.sock');
  const env = {
    HOME: at('home'),
    XDG_CONFIG_HOME: at('config'),
    XDG_STATE_HOME: at('state'),
    XDG_CACHE_HOME: at('cache'),
    TELEPRESENCE_RUNTIME_DIR: runtime,
    KUBECONFIG: join(home, 'no-kubeconfig'),
    ELECTRON_BINARY: '',
    // Nobody listens there, so nothing is downloaded, whether or not this machine could.
    ELECTRON_MIRROR: 'http://127.0.0.1:9/',
    electron_config_cache: at('electron'),
    // There is no screen: the address is only printed.
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
    BROWSER: '',
  };
  ends.push(async () => {
    const api = await findDaemonAt(socket);
    await api?.call('quit', {}).catch(() => undefined);
    await api?.closed;
  });
  const { code, stdout, stderr } = await runProgram(['npm', 'start'], {
    timeoutMs,
    cwd: checkout,
    env: { ...process.env, ...env },
  });
  const output = `${stdout}\n${stderr}`;
  expect(output).toContain('Fetching Electron…');
  expect(output).toContain('cannot be fetched, so the app opens in the browser: telepresence ui');
  expect(code).toBe(0);
  const [address = ''] = /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+$/m.exec(output) ?? [];
  expect(address, output).not.toBe('');

  const browser = await launchBrowser();
  ends.push(() => browser.close());
  const page = await browser.newPage();
  await loadWindow(page, address);
  // It is a window of the daemon that was started: what that says is in its status bar.
  await page.getByRole('contentinfo', { name: 'Status' }).getByRole('button', { name: 'Connection menu: Off' }).waitFor();
  const api = await findDaemonAt(socket);
  await api?.call('setPreferences', { change: { isWelcomed: true } });
  api?.close();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('heading', { name: 'Settings' }).first().waitFor();
  expect(readdirSync(env.XDG_STATE_HOME)).toContain('telepresence');
});
