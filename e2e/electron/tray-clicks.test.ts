import { expect, test } from 'vitest';
import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import {
  exampleConnection,
  exampleEngagement,
  examplePreferences,
  exampleSince as since,
} from '#protocol/local-api/testing/example-state.ts';
import { eventually } from '../support/eventually.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { type AppUnderTest, menuLabels } from './testing/app-under-test.ts';
import type { ScriptedDaemon } from './testing/scripted-daemon.ts';
import { connected, connectionIn, engaged } from './testing/states.ts';

/** Every item of the tray, clicked: what the daemon is asked, or where the window goes, and what the tray shows then. */
const { startWithScriptedDaemon } = useAppRuns();

test('connects to the current context, in the mode that the preferences say', async () => {
  const scripted: { daemon?: ScriptedDaemon } = {};
  const { app, daemon } = await startWithScriptedDaemon({
    connect: async () => {
      scripted.daemon?.set({ connections: connected });
      return { connection: exampleConnection(), alreadyConnected: false, warnings: [] };
    },
  });
  scripted.daemon = daemon;
  // Nothing of this machine is asked for: no helper is started in this mode.
  daemon.set({ preferences: { preferences: examplePreferences({ defaultMode: 'rootless' }) } });
  await app.tray(({ image, items }) => image === 'off-dark.png' && menuLabels(items).includes('Connect to staging'));
  await app.request({ kind: 'click-menu', labels: ['Connect to staging'] });
  expect(await daemon.called('connect')).toMatchObject({ kubeFlags: {}, mode: 'rootless' });
  await app.tray(({ image, items }) => image === 'on-dark.png' && menuLabels(items).includes('Disconnect'));
});

test.each([
  ['For 15 minutes', 15],
  ['For 1 hour', 60],
] as const)('pauses: %s, and resumes', async (label, minutes) => {
  const scripted: { daemon?: ScriptedDaemon } = {};
  const paused = { kind: 'paused', since, until: '2099-01-01T00:00:00.000Z' } as const;
  const { app, daemon } = await startWithScriptedDaemon({
    pause: async () => {
      scripted.daemon?.set({ connections: connectionIn(paused) });
      return { connection: exampleConnection({ state: paused }) };
    },
    resume: async () => {
      scripted.daemon?.set({ connections: connected });
      return { connection: exampleConnection() };
    },
  });
  scripted.daemon = daemon;
  daemon.set({ connections: connected });
  await app.tray(({ image }) => image === 'on-dark.png');
  await app.request({ kind: 'click-menu', labels: ['Pause', label] });
  expect(await daemon.called('pause')).toEqual({ use: '^staging$', minutes });
  const tray = await app.tray(({ image }) => image === 'paused-dark.png');
  const labels = menuLabels(tray.items);
  expect(labels).toContain('Resume');
  expect(labels.filter((each) => each.startsWith('Pause ›'))).toEqual([]);
  expect(labels[0]).toMatch(/^Paused until .+: staging · shop$/);
  await app.request({ kind: 'click-menu', labels: ['Resume'] });
  expect(await daemon.called('resume')).toEqual({ use: '^staging$' });
  await app.tray(({ image, items }) => image === 'on-dark.png' && menuLabels(items).includes(`Pause › ${label}`));
});

test('goes to another namespace: ends the connection that there is, and makes one there', async () => {
  const scripted: { daemon?: ScriptedDaemon } = {};
  const cellar = exampleConnection({ namespace: 'cellar' });
  const { app, daemon } = await startWithScriptedDaemon({
    disconnect: async () => {
      scripted.daemon?.set({ connections: {} });
      return { disconnected: ['staging'] };
    },
    connect: async () => {
      scripted.daemon?.set({ connections: { staging: cellar } });
      return { connection: cellar, alreadyConnected: false, warnings: [] };
    },
  });
  scripted.daemon = daemon;
  daemon.set({ connections: connected, preferences: { preferences: examplePreferences({ defaultMode: 'rootless' }) } });
  await app.tray(({ items }) => menuLabels(items).includes('Namespace: shop › cellar'));
  await app.request({ kind: 'click-menu', labels: ['Namespace: shop', 'cellar'] });
  expect(await daemon.called('connect')).toMatchObject({ kubeFlags: { context: 'staging' }, namespace: 'cellar' });
  const asked = daemon.calls.map(({ name }) => name).filter((name) => !name.startsWith('list'));
  expect(asked).toEqual(['disconnect', 'connect']);
  const { tooltip } = await app.tray(
    ({ image, items }) => image === 'on-dark.png' && menuLabels(items).includes('Namespace: cellar › shop'),
  );
  expect(tooltip).toContain('On: staging · cellar');
  // Nothing is engaged, so nobody is asked.
  expect(app.reportsOf('dialog')).toEqual([]);
});

test('leaves the one engagement of two that was chosen', async () => {
  const scripted: { daemon?: ScriptedDaemon } = {};
  const { app, daemon } = await startWithScriptedDaemon({
    leave: async () => {
      scripted.daemon?.set({ engagements: engaged });
      return { engagement: exampleEngagement({ name: 'orders', workload: 'orders' }) };
    },
  });
  scripted.daemon = daemon;
  const orders = exampleEngagement({ name: 'orders', workload: 'orders' });
  daemon.set({ connections: connected, engagements: { ...engaged, 'staging/orders': orders } });
  await app.tray(({ image }) => image === 'engaged-2-dark.png');
  await app.request({ kind: 'click-menu', labels: ['2 engagements', 'orders', 'Leave'] });
  expect(await daemon.called('leave')).toEqual({ use: '^staging$', name: 'orders' });
  const left = await app.tray(({ image }) => image === 'engaged-1-dark.png');
  expect(menuLabels(left.items)).toContain('1 engagement › cart › Leave');
  expect(menuLabels(left.items).filter((label) => label.includes('orders'))).toEqual([]);
  expect(left.tooltip).toContain('1 engagement: cart');
});

test('says why an engagement was not left, and goes on showing it', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await app.request({ kind: 'click-menu', labels: ['1 engagement', 'cart', 'Leave'] });
  const { body } = await app.until('notification', ({ title }) => title === 'The engagement was not left');
  expect(body).toContain('does not serve leave');
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
});

test('copies a request to the Service that leads to the engaged port, and offers none without one', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  const [port] = exampleEngagement().ports;
  if (port?.service === undefined) throw new Error('The example has a port of a Service');
  const service = { ...port.service, name: 'orders', port: 8080 };
  const { service: _none, ...podPort } = port;
  daemon.set({
    connections: connected,
    engagements: {
      'staging/orders': exampleEngagement({ name: 'orders', namespace: 'cellar', ports: [{ ...port, service }] }),
      'staging/worker': exampleEngagement({ name: 'worker', ports: [podPort] }),
    },
  });
  const { items } = await app.tray(({ image }) => image === 'engaged-2-dark.png');
  expect(menuLabels(items).filter((label) => label.endsWith('Copy curl'))).toEqual(['2 engagements › orders › Copy curl']);
  await app.request({ kind: 'click-menu', labels: ['2 engagements', 'orders', 'Copy curl'] });
  expect((await app.until('copied')).text).toBe('curl http://orders.cellar:8080/');
  expect(daemon.calls.map(({ name }) => name).filter((name) => !name.startsWith('list'))).toEqual([]);
});

test.each<[readonly string[], AppEvent]>([
  [['1 engagement', 'cart', 'Open log'], { kind: 'show-page', page: 'logs', engagement: 'staging/cart' }],
  [['Diagnose…'], { kind: 'show-page', page: 'diagnose' }],
  [['Settings'], { kind: 'show-page', page: 'settings' }],
])('brings the window, hidden or not there yet, to where %j leads', async (labels, event) => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await hideWindow(app);
  await app.request({ kind: 'click-menu', labels });
  await app.until('window', ({ isVisible }) => isVisible);
  await eventually('the event in the page', async () => expect(await eventsOf(app)).toEqual([event]));
});

test('keeps where to go for a page that is not there yet', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  // The window is being made: the tray is sooner.
  await app.tray(({ items }) => menuLabels(items).includes('Settings'));
  await app.request({ kind: 'click-menu', labels: ['Settings'] });
  await eventually('the event in the page', async () =>
    expect(await eventsOf(app)).toEqual([{ kind: 'show-page', page: 'settings' }]),
  );
});

test('opens the engagement that a notification is about when that is clicked', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected, engagements: engaged });
  await app.tray(({ image }) => image === 'engaged-1-dark.png');
  await hideWindow(app);
  const reason = { code: 'engagement.removed', message: 'An administrator took it away' } as const;
  daemon.set({ engagements: { 'staging/cart': exampleEngagement({ state: { kind: 'ended', since, reason } }) } });
  const { title, body } = await app.until('notification');
  expect({ title, body }).toEqual({ title: 'The intercept of cart has ended', body: 'An administrator took it away' });
  expect(app.reportsOf('window').at(-1)?.isVisible).toBe(false);
  await app.request({ kind: 'click-notification', title });
  await app.until('window', ({ isVisible }) => isVisible);
  await eventually('the event in the page', async () =>
    expect(await eventsOf(app)).toEqual([{ kind: 'show-page', page: 'engagements', engagement: 'staging/cart' }]),
  );
});

test('only comes forward for a notification that is about nothing in particular', async () => {
  const { app, daemon } = await startWithScriptedDaemon();
  daemon.set({ connections: connected });
  await app.tray(({ image }) => image === 'on-dark.png');
  await hideWindow(app);
  const reason = { code: 'manager.unreachable', message: 'No answer' } as const;
  daemon.set({ connections: connectionIn({ kind: 'degraded', since, reason }) });
  const { title } = await app.until('notification', ({ body }) => body === 'No answer');
  await app.request({ kind: 'click-notification', title });
  await app.until('window', ({ isVisible }) => isVisible);
  expect(await eventsOf(app)).toEqual([]);
});

/** Closed by its person: it is hidden, and its page goes on. */
async function hideWindow(app: AppUnderTest): Promise<void> {
  await (await app.page()).getByText(/^daemon \d+$/).waitFor();
  await app.request({ kind: 'close-window' });
  await app.until('window', ({ isVisible }) => !isVisible);
}

/** What main has told the page. */
async function eventsOf(app: AppUnderTest): Promise<readonly AppEvent[]> {
  const items = (await app.page()).getByRole('list', { name: 'Events' }).getByRole('listitem');
  return (await items.allTextContents()).map((text) => JSON.parse(text) as AppEvent);
}
