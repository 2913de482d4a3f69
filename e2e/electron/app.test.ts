import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { examplePreferences, exampleSince as since } from '#protocol/local-api/testing/example-state.ts';
import { eventually } from '../support/eventually.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { isAppPage, menuLabels } from './testing/app-under-test.ts';
import { makeDeskWithPrompt, missingForDesk } from './testing/desk-with-prompt.ts';
import { type ScriptedDaemon, startScriptedDaemon } from './testing/scripted-daemon.ts';
import { connected, connectionIn, engaged } from './testing/states.ts';

const runs = useAppRuns();
const { newDirectory, start, startWithScriptedDaemon } = runs;

test('shows each state in the tray, and offers what makes sense in it', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  const off = await app.tray(
    ({ image, items }) => image === 'off-dark.png' && menuLabels(items).includes('Context › production'),
  );
  expect(off.isImageThere).toBe(true);
  expect(menuLabels(off.items)).toEqual(
    expect.arrayContaining(['Off', 'Connect to staging', 'Diagnose…', 'Open window', 'Settings', 'Quit…']),
  );

  daemon.set({ connections: connectionIn({ kind: 'connecting', stage: 'dns' }) });
  await app.tray(
    ({ image, tooltip }) => image === 'connecting-dark.png' && tooltip.includes('Connecting to staging · shop: dns'),
  );
  daemon.set({ connections: connected });
  const on = await app.tray(
    ({ image, items }) => image === 'on-dark.png' && menuLabels(items).includes('Namespace: shop › cellar'),
  );
  expect(menuLabels(on.items)).toEqual(
    expect.arrayContaining(['Disconnect', 'Pause › For 15 minutes', 'Context: staging › production']),
  );
  daemon.set({ engagements: engaged });
  const busy = await app.tray(({ image }) => image === 'engaged-1-dark.png');
  expect(busy.isImageThere).toBe(true);
  expect(menuLabels(busy.items)).toEqual(
    expect.arrayContaining(['1 engagement › cart › Leave', '1 engagement › cart › Copy curl']),
  );
  daemon.set({ connections: connectionIn({ kind: 'paused', since }) });
  await app.tray(({ image, items }) => image === 'paused-dark.png' && menuLabels(items).includes('Resume'));
  daemon.set({
    connections: connectionIn({ kind: 'degraded', since, reason: { code: 'manager.unreachable', message: 'No answer' } }),
  });
  const trouble = await app.tray(({ image, tooltip }) => image === 'trouble-dark.png' && tooltip.includes('No answer'));
  expect(trouble.tooltip.split('\n').slice(1)).toEqual(['Trouble: No answer', 'staging · shop', '1 engagement: cart']);
  expect(menuLabels(trouble.items)).toContain('Namespace: shop › cellar');
  const noHelper = { code: 'helper.not-running', message: 'The privileged helper is not running' } as const;
  daemon.set({ connections: connectionIn({ kind: 'off', error: noHelper }), engagements: {} });
  await app.tray(({ image, items }) => image === 'key-dark.png' && menuLabels(items).includes('Start the helper…'));
});

test('turns a click into a call, and the daemon’s answer into another icon', async () => {
  const scripted: { daemon?: ScriptedDaemon } = {};
  const { app, daemon } = await startWithScriptedDaemon({
    disconnect: async () => {
      scripted.daemon?.set({ connections: {}, engagements: {} });
      return { disconnected: ['staging'] };
    },
  });
  scripted.daemon = daemon;
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await app.request({ kind: 'click-menu', labels: ['1 engagement', 'cart', 'Copy curl'] });
  expect((await app.until('copied')).text).toBe('curl http://cart.shop:80/');
  await app.request({ kind: 'click-menu', labels: ['Disconnect'] });
  expect(await daemon.called('disconnect')).toEqual({ use: '^staging$' });
  await app.tray(({ image }) => image === 'off-dark.png');
});

test('asks before a change of context ends engagements, and tells of a failed click', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ items }) => menuLabels(items).includes('Context: staging › production'));
  await app.request({ kind: 'click-menu', labels: ['Context: staging', 'production'] });
  const question = await app.dialog();
  expect(question.detail).toContain('cart');
  await app.request({ kind: 'answer-dialog', id: question.id, button: 'Leave and connect' });
  // This daemon does not serve it.
  const { title } = await app.until('notification', ({ body }) => body.includes('does not serve disconnect'));
  expect(title).toBe('Not connected');
});

test('opens a confirm screen for a link, and runs nothing', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  const page = await app.page();
  await app.request({ kind: 'open-url', url: 'telepresence://intercept?workload=cart&namespace=shop&port=8080' });
  const event = page.getByRole('list', { name: 'Events' }).getByRole('listitem').first();
  await event.waitFor();
  expect(JSON.parse((await event.textContent()) ?? '')).toEqual({
    kind: 'deep-link',
    link: { kind: 'intercept', workload: 'cart', namespace: 'shop', port: '8080' },
  });
  await app.request({ kind: 'open-url', url: 'telepresence://intercept?workload=cart&command=rm' });
  await app.until('notification', ({ body }) => body.includes('something unknown: command'));
  expect(await page.getByRole('listitem').count()).toBe(1);
  expect(daemon.calls.map(({ name }) => name).filter((name) => !name.startsWith('list'))).toEqual([]);
});

test('passes a second start on to the first, with its link', async () => {
  const { app, directory } = await startWithScriptedDaemon();
  const page = await app.page();
  await app.request({ kind: 'close-window' });
  await app.until('window', ({ isVisible }) => !isVisible);
  const second = start(directory, ['telepresence://connect?context=staging']);
  expect(await second.exited).toBe(0);
  await app.until('window', ({ isVisible }) => isVisible);
  const event = page.getByRole('listitem').first();
  await event.waitFor();
  expect(await event.textContent()).toContain('"kind":"connect","context":"staging"');
});

test('asks when its window is closed and there is no tray to come back from', async () => {
  const directory = newDirectory();
  directory.hideTray();
  const daemon = await startScriptedDaemon(directory.daemonSocket);
  runs.atEnd(() => daemon.close());
  const app = start(directory);
  daemon.set({ connections: connected });
  await app.tray(({ image }) => image === 'on-dark.png');
  await app.request({ kind: 'close-window' });
  const { id } = await app.dialog();
  await app.request({ kind: 'answer-dialog', id, button: 'Keep running' }).catch(() => undefined);
  expect(await app.exited).toBe(0);
});

test.each([true, false])('at login shows its window unless the preferences say hidden: %s', async (startHidden) => {
  const directory = newDirectory();
  const daemon = await startScriptedDaemon(directory.daemonSocket);
  runs.atEnd(() => daemon.close());
  daemon.set({ preferences: { preferences: examplePreferences({ startHidden }) } });
  const app = start(directory, ['--started-at-login']);
  await app.tray(({ image }) => image === 'off-dark.png');
  if (!startHidden) return void (await app.until('window', ({ isVisible }) => isVisible));
  expect(app.reportsOf('window')).toEqual([]);
  await app.request({ kind: 'click-menu', labels: ['Open window'] });
  await app.until('window', ({ isVisible }) => isVisible);
});

test('tells the daemon that the laptop goes to sleep and wakes up', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  await app.tray(({ image }) => image === 'off-dark.png');
  await app.request({ kind: 'power', event: 'suspend' });
  await eventually('suspend', () => expect(daemon.calls).toContainEqual({ name: 'powerEvent', input: { kind: 'suspend' } }));
  await app.request({ kind: 'power', event: 'resume' });
  await eventually('resume', () => expect(daemon.calls).toContainEqual({ name: 'powerEvent', input: { kind: 'resume' } }));
});

test('tells the daemon that the laptop has joined another network', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  await app.tray(({ image }) => image === 'off-dark.png');
  const powerEvents = () => daemon.calls.filter(({ name }) => name === 'powerEvent').map(({ input }) => input);
  expect(powerEvents()).toEqual([]);
  await app.request({ kind: 'change-network' });
  await eventually('the network', () => expect(powerEvents()).toEqual([{ kind: 'network' }]));
});

test('asks when it quits: cancelling goes on, keeping running leaves the daemon alone', async () => {
  const { app, daemon } = await startWithScriptedDaemon({ quit: async () => ({}) });
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await app.request({ kind: 'click-menu', labels: ['Quit…'] });
  const first = await app.dialog();
  expect(first.detail).toContain('1 connection, 1 engagement');
  await app.request({ kind: 'answer-dialog', id: first.id, button: 'Cancel' });
  await app.request({ kind: 'quit' });
  const second = await app.until('dialog', ({ id }) => id !== first.id);
  await app.request({ kind: 'answer-dialog', id: second.id, button: 'Keep running' }).catch(() => undefined);
  expect(await app.exited).toBe(0);
  expect(daemon.calls.map(({ name }) => name)).not.toContain('quit');
});

test('ends the daemon too when that is chosen', async () => {
  const { app, daemon } = await startWithScriptedDaemon({ quit: async () => ({}) });
  daemon.set({ connections: connected });
  await app.tray(({ image }) => image === 'on-dark.png');
  await app.request({ kind: 'click-menu', labels: ['Quit…'] });
  const { id } = await app.dialog();
  await app.request({ kind: 'answer-dialog', id, button: 'End everything' });
  await daemon.called('quit');
  await daemon.close();
  expect(await app.exited).toBe(0);
});

test('leaves engagements alone when the app is killed', async () => {
  const { app, daemon, directory } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await app.kill();
  const asked = daemon.calls.map(({ name }) => name);
  for (const name of ['leave', 'disconnect', 'quit']) expect(asked).not.toContain(name);
  const again = start(directory);
  await again.tray(({ image }) => image === 'engaged-1-dark.png');
});

test('gives its ports to its own page only', async () => {
  const { app, directory } = await startWithScriptedDaemon();
  const own = await app.page();
  await own.getByText(/^daemon \d+$/).waitFor();
  expect(await own.evaluate('testPage.isIsolated()')).toBe(true);
  await app.request({ kind: 'open-foreign-page', url: 'data:text/html,<title>foreign</title>' });
  const foreign = await app.page((url) => url.startsWith('data:'));
  await foreign.evaluate(() => {
    const page = globalThis as unknown as {
      got: unknown[];
      addEventListener(type: string, listener: (event: { data: unknown; ports: unknown[] }) => void): void;
      postMessage(message: unknown, origin: string): void;
    };
    page.got = [];
    page.addEventListener('message', ({ ports }) => page.got.push(...ports));
    page.postMessage({ type: 'telepresence-ports-wanted' }, '*');
  });
  await eventually('the refusal in the log', () =>
    expect(readFileSync(directory.logFile, 'utf8')).toContain('A foreign page asked for the app'),
  );
  expect(await foreign.evaluate('got.length')).toBe(0);
  expect(await own.getByText(/^daemon \d+$/).count()).toBe(1);
});

test('checks what its page says before the daemon hears it', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  const page = await app.page();
  await page.getByText(/^daemon \d+$/).waitFor();
  const call = (which: string, name: string, input: unknown) =>
    page.evaluate(
      `testPage.call(${JSON.stringify(which)}, ${JSON.stringify(name)}, ${JSON.stringify(input)}).then(JSON.stringify, String)`,
    );
  expect(await call('daemon', 'pause', { minutes: 0 })).toContain('usage');
  expect(await call('daemon', 'noSuchCall', {})).toContain('usage');
  expect(daemon.calls.map(({ name }) => name)).not.toContain('pause');
  expect(await call('bridge', 'openExternal', { url: 'file:///etc/passwd' })).toContain('usage');
  expect(await call('bridge', 'openExternal', { url: 'https://example.com/' })).toBe('{}');
  expect((await app.until('opened')).what).toBe('https://example.com/');
  expect(await call('bridge', 'startHelper', { command: ['rm', '-rf', '/'] })).toContain('not the one that starts the helper');
  await page.evaluate(`testPage.sendRaw('daemon', { anything: 'else' })`);
  await page.getByText('no daemon').waitFor();
});

test('lets its page go nowhere else', async () => {
  const { app, directory } = await startWithScriptedDaemon();
  const page = await app.page();
  await page.getByText(/^daemon \d+$/).waitFor();
  await page.evaluate(`location.href = 'https://example.com/'`).catch(() => undefined);
  await eventually('the refusal in the log', () =>
    expect(readFileSync(directory.logFile, 'utf8')).toContain('A page wanted to go elsewhere'),
  );
  expect(isAppPage(page.url())).toBe(true);
  expect(await page.evaluate(`fetch('https://example.com/').then(() => 'reached', () => 'refused')`)).toBe('refused');
  // Neither a script that was written into the page nor one of somebody else runs.
  await page.evaluate(`(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.hasRun = true';
    document.body.append(script);
  })()`);
  expect(await page.evaluate('globalThis.hasRun')).toBe(undefined);
});

test('starts the real daemon, shows trouble when that is killed, and comes back with a new one by itself', async () => {
  const directory = newDirectory();
  runs.endDaemonOf(directory);
  const app = start(directory);
  const page = await app.page();
  const status = page.getByRole('status');
  await page.getByText(/^daemon \d+$/).waitFor();
  const firstPid = Number((await status.textContent())?.split(' ')[1]);
  await app.tray(({ image }) => image === 'off-dark.png');
  const trouble = app.tray(
    ({ image, items }) => image === 'trouble-dark.png' && menuLabels(items)[0]?.startsWith('Trouble') === true,
  );
  process.kill(firstPid, 'SIGKILL');
  await trouble;
  await app.tray(({ image }) => image === 'off-dark.png');
  await eventually('another daemon', async () => {
    const pid = Number((await status.textContent())?.split(' ')[1]);
    expect(pid).toBeGreaterThan(0);
    expect(pid).not.toBe(firstPid);
  });
  expect(await page.getByRole('listitem').first().textContent()).toContain('daemon-lost');
  // Idle, so it is ended without a question.
  await app.request({ kind: 'click-menu', labels: ['Quit…'] });
  expect(await app.exited).toBe(0);
  expect(await isListening(directory.daemonSocket)).toBe(false);
});

// Only root can give a folder away.
test.skipIf(process.getuid?.() !== 0)(
  'says that the daemon is another user’s, and offers nothing of it (needs root)',
  async () => {
    const directory = newDirectory();
    const folder = dirname(directory.daemonSocket);
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, 12_345, 12_345);
    const app = start(directory);
    const tray = await app.tray(({ image }) => image === 'trouble-dark.png');
    const labels = menuLabels(tray.items);
    expect(labels[0]).toMatch(/^Not yours to control: /);
    expect(labels.slice(1)).toEqual(['Open window', 'Quit…']);
    expect(tray.tooltip).toContain('belongs to another user');
    expect(readdirSync(folder)).toEqual([]);
    // It becomes this user's: nothing has to be started anew.
    chownSync(folder, 0, 0);
    const daemon = await startScriptedDaemon(directory.daemonSocket);
    runs.atEnd(() => daemon.close());
    await app.tray(({ image, items }) => image === 'off-dark.png' && menuLabels(items)[0] === 'Off');
  },
);

test.skipIf(missingForDesk !== undefined)('says so, too, where only the socket is another user’s (needs root)', async () => {
  const directory = newDirectory();
  const daemon = await startScriptedDaemon(directory.daemonSocket);
  runs.atEnd(() => daemon.close());
  const desk = await makeDeskWithPrompt(directory);
  runs.atEnd(() => desk.close());
  chownSync(directory.daemonSocket, 0, 0);
  const app = start(directory, [], {}, desk.inFrontOf);
  const refused = await app.tray(({ items }) => menuLabels(items)[0]?.startsWith('Not yours to control: ') === true);
  expect(menuLabels(refused.items).slice(1)).toEqual(['Open window', 'Quit…']);
  desk.own(directory.daemonSocket);
  await app.tray(({ image }) => image === 'off-dark.png');
});

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
