import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import type { Preferences } from '#protocol/local-api/model.ts';
import { examplePreferences } from '#protocol/local-api/testing/example-state.ts';
import { eventually } from '../support/eventually.ts';
import { checkout } from '../support/settings.ts';
import type { AppDirectory } from './testing/app-directory.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { installApp, missingForInstalled } from './testing/installed-app.ts';
import { startScriptedDaemon } from './testing/scripted-daemon.ts';

/** An installed app, its own window and the real daemon, in a home of the test's. */
const runs = useAppRuns();

const missing = missingForInstalled;
const note = missing === undefined ? '' : ` (skipped: ${missing})`;

const entryOf = ({ env }: AppDirectory) => join(env['XDG_CONFIG_HOME'] ?? '', 'autostart/telepresence.desktop');

test.skipIf(missing !== undefined)(
  `starts at login, and hidden, when that is switched on, and no more when it is switched off${note}`,
  async () => {
    const directory = runs.newDirectory(join(checkout, 'dist/renderer'));
    const { env } = installApp(directory);
    runs.endDaemonOf(directory);
    const app = runs.start(directory, [], env);
    await app.tray(({ image }) => image === 'off-dark.png');
    await welcome(directory);
    const page = await app.page();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Settings' }).click();
    const atLogin = page.getByRole('switch', { name: 'Start when I log in' });
    await atLogin.waitFor();
    expect(existsSync(entryOf(directory))).toBe(false);

    await atLogin.click();
    await eventually('the entry', () => expect(existsSync(entryOf(directory))).toBe(true));
    const command = /^Exec="([^"]+)" (.+)$/m.exec(readFileSync(entryOf(directory), 'utf8'));
    expect(command?.slice(1)).toEqual([join(checkout, 'node_modules/node/bin/node'), '--started-at-login']);
    await page.getByRole('switch', { name: 'Start hidden' }).click();
    await eventually('the preference', async () => expect(await preferencesIn(directory)).toMatchObject({ startHidden: true }));

    // What the desktop does at the next login, by the argument in the entry.
    await app.stop();
    const next = runs.start(directory, [command?.[2] ?? ''], env);
    await next.tray(({ image }) => image === 'off-dark.png');
    expect(next.reportsOf('window')).toEqual([]);
    expect(existsSync(entryOf(directory))).toBe(true);
    await next.request({ kind: 'click-menu', labels: ['Settings'] });
    await next.until('window', ({ isVisible }) => isVisible);
    const again = (await next.page()).getByRole('switch', { name: 'Start when I log in' });
    await again.waitFor();
    expect(await again.isChecked()).toBe(true);
    await again.click();
    await eventually('the end of the entry', () => expect(existsSync(entryOf(directory))).toBe(false));
  },
);

test.skipIf(missing !== undefined)(`puts nothing into the desktop from a checkout${note}`, async () => {
  const directory = runs.newDirectory();
  const daemon = await startScriptedDaemon(directory.daemonSocket);
  runs.atEnd(() => daemon.close());
  daemon.set({ preferences: { preferences: examplePreferences({ startAtLogin: true }) } });
  const app = runs.start(directory);
  await app.tray(({ image }) => image === 'off-dark.png');
  expect(existsSync(entryOf(directory))).toBe(false);
});

/** No first steps are shown from then on. */
async function welcome(directory: AppDirectory): Promise<void> {
  await withDaemon(directory, (api) => api.call('setPreferences', { change: { isWelcomed: true } }));
}

async function preferencesIn(directory: AppDirectory): Promise<Preferences | undefined> {
  const { preferences } = await withDaemon(directory, readState);
  return preferences['preferences'];
}

async function withDaemon<T>(directory: AppDirectory, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const api = await findDaemonAt(directory.daemonSocket);
  if (api === undefined) throw new Error('There is no daemon');
  try {
    return await use(api);
  } finally {
    api.close();
  }
}
