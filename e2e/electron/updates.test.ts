import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplePreferences } from '#protocol/local-api/testing/example-state.ts';
import { eventually } from '../support/eventually.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { menuLabels } from './testing/app-under-test.ts';
import { installApp, missingForInstalled } from './testing/installed-app.ts';
import { startScriptedDaemon } from './testing/scripted-daemon.ts';
import { connected, engaged } from './testing/states.ts';

/** An AppImage that looks for updates: the app's own `electron-updater`, and a place of updates on the loopback. */
const runs = useAppRuns();
const missing = missingForInstalled;
const note = missing === undefined ? '' : ` (skipped: ${missing})`;
const version = '9.9.9';

/** A place with one version, which only writes down that it was started. */
async function startPlaceOfUpdates(marker: string) {
  const image = `#!/bin/sh\necho "\${APPIMAGE_EXIT_AFTER_INSTALL:-started}" > ${marker}\n`;
  const sha512 = createHash('sha512').update(image).digest('base64');
  const name = `Telepresence-${version}.AppImage`;
  const description = `version: ${version}
files: [{ url: ${name}, sha512: '${sha512}', size: ${image.length} }]
path: ${name}
sha512: '${sha512}'
releaseDate: '2026-01-01T00:00:00.000Z'
`;
  const requests: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    const path = url.split('?', 1)[0] ?? '';
    requests.push(path);
    const body = path === '/latest-linux.yml' ? description : path === `/${name}` ? image : undefined;
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  runs.atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests, image };
}

async function startImage(options: { readonly isConfigured: boolean; readonly isWanted: boolean }) {
  const directory = runs.newDirectory();
  const marker = join(directory.root, 'new-version-ran');
  const place = await startPlaceOfUpdates(marker);
  const { resources, env } = installApp(directory);
  if (options.isConfigured) {
    writeFileSync(
      join(resources, 'app-update.yml'),
      `provider: generic\nurl: ${place.url}\nupdaterCacheDirName: telepresence-updater\n`,
    );
  }
  const appImage = join(directory.root, 'Telepresence.AppImage');
  writeFileSync(appImage, 'the version that runs');
  const daemon = await startScriptedDaemon(directory.daemonSocket, { quit: async () => ({}) });
  runs.atEnd(() => daemon.close());
  daemon.set({
    connections: connected,
    preferences: { preferences: examplePreferences({ checkForUpdates: options.isWanted }) },
  });
  const app = runs.start(directory, [], { ...env, APPIMAGE: appImage });
  await app.tray(({ image }) => image === 'on-dark.png');
  return { app, daemon, directory, place, marker, appImage };
}

test.skipIf(missing !== undefined)(
  `fetches a newer version, says so, and restarts into it when that is chosen${note}`,
  async () => {
    const { app, daemon, place, marker, appImage } = await startImage({ isConfigured: true, isWanted: true });
    const { body } = await app.until('notification', ({ title }) => title === `Version ${version} is ready`);
    expect(body).toContain('It is installed when the app ends');
    await app.tray(({ items }) => menuLabels(items).at(-2) === `Restart into ${version}`);
    expect(readFileSync(appImage, 'utf8')).toBe('the version that runs');
    // With an engagement the menu is full: the notice still does it.
    daemon.set({ engagements: engaged });
    const full = await app.tray(({ image }) => image === 'engaged-1-dark.png');
    expect(menuLabels(full.items)).not.toContain(`Restart into ${version}`);
    await app.request({ kind: 'click-notification', title: `Version ${version} is ready` }).catch(() => undefined);
    expect(await app.exited).toBe(0);
    await eventually('the new version', () => expect(readFileSync(marker, 'utf8')).toBe('started\n'));
    expect(readFileSync(appImage, 'utf8')).toBe(place.image);
    // Nobody was asked, for nothing ends: the daemon goes on.
    expect(app.reportsOf('dialog')).toEqual([]);
    expect(daemon.calls.map(({ name }) => name)).not.toContain('quit');
  },
);

test.skipIf(missing !== undefined)(`installs it when the app ends, and starts nothing then${note}`, async () => {
  const { app, marker, appImage, place } = await startImage({ isConfigured: true, isWanted: true });
  await app.until('notification', ({ title }) => title === `Version ${version} is ready`);
  await app.request({ kind: 'quit' });
  const { id } = await app.dialog();
  await app.request({ kind: 'answer-dialog', id, button: 'Keep running' }).catch(() => undefined);
  expect(await app.exited).toBe(0);
  expect(readFileSync(appImage, 'utf8')).toBe(place.image);
  expect(readFileSync(marker, 'utf8')).toBe('true\n');
});

test.skipIf(missing !== undefined).each([
  { isConfigured: false, isWanted: true },
  { isConfigured: true, isWanted: false },
])(`asks nobody for updates where that is not configured, or not wanted: %j${note}`, async (options) => {
  const { app, daemon, directory, place, marker } = await startImage(options);
  const page = await app.page();
  await page.getByText(/^daemon \d+$/).waitFor();
  const description = JSON.parse(
    await page.evaluate(`testPage.call('bridge', 'describeApp', {}).then(JSON.stringify)`),
  ) as object;
  expect(description).toMatchObject({ canUpdate: options.isConfigured });
  // Another state, so that the first one has been dealt with.
  daemon.set({ connections: {} });
  await app.tray(({ image }) => image === 'off-dark.png');
  expect(place.requests).toEqual([]);
  expect(app.reportsOf('notification')).toEqual([]);
  // The updater, where it is loaded, keeps an id of its own there.
  expect(existsSync(join(directory.userData, '.updaterId'))).toBe(false);
  expect(existsSync(marker)).toBe(false);
});
