import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { checkout } from '../support/settings.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { menuLabels } from './testing/app-under-test.ts';

/** The app with its own window and the real daemon. */
const runs = useAppRuns();

function startApp(env: Readonly<Record<string, string>> = {}) {
  const directory = runs.newDirectory(join(checkout, 'dist/renderer'));
  runs.endDaemonOf(directory);
  return { app: runs.start(directory, [], env), directory };
}

/** No first steps are shown from then on. */
async function welcome(socket: string): Promise<void> {
  const api = await daemonAt(socket);
  await api.call('setPreferences', { change: { isWelcomed: true } });
  api.close();
}

async function daemonAt(socket: string) {
  const api = await findDaemonAt(socket);
  if (api === undefined) throw new Error('There is no daemon');
  return api;
}

test('leaves a daemon that somebody ended alone, says so, and starts one when asked', async () => {
  const { app, directory } = startApp();
  await app.tray(({ image }) => image === 'off-dark.png');
  await welcome(directory.daemonSocket);
  const page = await app.page();
  const status = page.getByRole('contentinfo', { name: 'Status' });
  await status.getByRole('button', { name: 'Connection menu: Off' }).waitFor();
  const api = await daemonAt(directory.daemonSocket);
  await api.call('quit', {}).catch(() => undefined);
  await api.closed;
  await app.tray(({ image, items }) => image === 'off-dark.png' && menuLabels(items)[0] === 'Off: the daemon was ended');
  await status.getByText('The daemon was ended').waitFor();
  expect(existsSync(directory.daemonSocket)).toBe(false);
  await page.getByRole('region', { name: 'Problems' }).getByRole('button', { name: 'Start it again' }).click();
  await app.tray(({ image, items }) => image === 'off-dark.png' && menuLabels(items)[0] === 'Off');
  await status.getByRole('button', { name: 'Connection menu: Off' }).waitFor();
  expect(await page.getByRole('region', { name: 'Problems' }).count()).toBe(0);

  const again = await daemonAt(directory.daemonSocket);
  await again.call('quit', {}).catch(() => undefined);
  await again.closed;
  await app.tray(({ items }) => menuLabels(items)[0] === 'Off: the daemon was ended');
  await app.request({ kind: 'click-menu', labels: ['Start'] });
  await app.tray(({ items }) => menuLabels(items)[0] === 'Off');
});

test('offers the contexts of the KUBECONFIG that it was started with, in tray and window', async () => {
  const kubeconfig = join(mkdtempSync(join(tmpdir(), 'tel-kube-')), 'config');
  runs.atEnd(async () => rmSync(dirname(kubeconfig), { recursive: true }));
  writeFileSync(kubeconfig, kubeconfigText);
  const { app, directory } = startApp({ KUBECONFIG: kubeconfig });
  await app.tray(({ items }) => menuLabels(items).includes('Connect to elsewhere'));
  await welcome(directory.daemonSocket);
  const page = await app.page();
  await page.getByText('elsewhere').first().waitFor();
});

test('says why the helper cannot be a service here', async () => {
  const { app, directory } = startApp();
  await app.tray(({ image }) => image === 'off-dark.png');
  await welcome(directory.daemonSocket);
  const page = await app.page();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Settings' }).click();
  // From a checkout there is no unit, and the daemon of a test has a runtime directory of its own.
  await page.getByRole('heading', { name: 'Helper as a service' }).waitFor();
  await page.getByText(/comes with the packages of the app|runtime directory of its own/).waitFor();
  expect(await page.getByRole('button', { name: 'Install the service…' }).count()).toBe(0);
});

const kubeconfigText = `apiVersion: v1
kind: Config
current-context: elsewhere
clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:1' } }]
users: [{ name: u, user: { token: none } }]
contexts: [{ name: elsewhere, context: { cluster: c, user: u } }]
`;
