import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useAppRuns } from './testing/app-runs.ts';

/** What the app's page is refused, beside other places to go to (`app.test.ts`). */
const { startWithScriptedDaemon } = useAppRuns();

async function startedPage() {
  const { app, directory } = await startWithScriptedDaemon();
  const page = await app.page();
  await page.getByText(/^daemon \d+$/).waitFor();
  const logged = (words: string) =>
    eventually(`"${words}" in the log`, () => expect(readFileSync(directory.logFile, 'utf8')).toContain(words));
  return { app, page, logged };
}

test('has no permission, and gets none', async () => {
  const { app, page, logged } = await startedPage();
  const stateOf = (name: string) => page.evaluate(`navigator.permissions.query({ name: '${name}' }).then(({ state }) => state)`);
  for (const name of ['notifications', 'geolocation', 'clipboard-read', 'midi']) expect(await stateOf(name)).not.toBe('granted');
  expect(await page.evaluate('Notification.requestPermission()')).not.toBe('granted');
  if (process.env['ELECTRON_BINARY']) return await logged('A permission was refused');
  // Whom Electron would ask: request, check and device each say no.
  expect(app.reportsOf('permissions')).toEqual([{ kind: 'permissions', allowed: [], areDevicesAllowed: false }]);
});

test('opens no window', async () => {
  const { page, logged } = await startedPage();
  const pagesBefore = page.context().pages().length;
  await page.evaluate(`void window.open('https://example.com/')`);
  await logged('A page wanted to open a window');
  await eventually('no other page', () => expect(page.context().pages()).toHaveLength(pagesBefore));
  await page.evaluate(`(() => {
    const link = Object.assign(document.createElement('a'), { href: 'https://example.com/', target: '_blank', rel: 'noopener' });
    document.body.append(link);
    link.click();
  })()`);
  await eventually('no other page', () => expect(page.context().pages()).toHaveLength(pagesBefore));
  // The page that asked goes on.
  await page.getByText(/^daemon \d+$/).waitFor();
});
