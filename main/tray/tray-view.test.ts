import { expect, test } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { ConnectionState, DaemonState } from '#protocol/local-api/model.ts';
import {
  exampleCondition,
  exampleConnection,
  exampleEngagement,
  exampleSince as since,
} from '#protocol/local-api/testing/example-state.ts';
import { type TrayItem, type TraySnapshot, type TrayView, trayView } from './tray-view.ts';

const reason = { code: 'manager.unreachable', message: 'The traffic-manager does not answer' } as const;

test.each<[string, DaemonState, TrayView['icon'], string]>([
  ['off', fakeState(), { shape: 'off', count: 0 }, 'Off'],
  [
    'connecting',
    withConnection({ kind: 'connecting', stage: 'dns' }),
    { shape: 'connecting', count: 0 },
    'Connecting to staging · shop: dns',
  ],
  ['on', withConnection({ kind: 'on', since }), { shape: 'on', count: 0 }, 'On: staging · shop'],
  [
    'on with engagements',
    withConnection({ kind: 'on', since }, { engagements: { 'staging/cart': exampleEngagement() } }),
    { shape: 'engaged', count: 1 },
    'On: staging · shop',
  ],
  ['paused', withConnection({ kind: 'paused', since }), { shape: 'paused', count: 0 }, 'Paused: staging · shop'],
  [
    'reconnecting',
    withConnection({ kind: 'reconnecting', since, attempt: 2, reason }),
    { shape: 'trouble', count: 0 },
    'Trouble: The traffic-manager does not answer',
  ],
  [
    'a condition',
    withConnection({ kind: 'on', since }, { health: { dns: exampleCondition() } }),
    { shape: 'trouble', count: 0 },
    'Trouble: Names of the cluster do not resolve',
  ],
  [
    'no helper',
    withConnection({ kind: 'off', error: { code: 'helper.not-running', message: 'The privileged helper is not running' } }),
    { shape: 'key', count: 0 },
    'Trouble: The privileged helper is not running',
  ],
])('shows %s by shape and by words', (_name, state, icon, line) => {
  const view = trayView(snapshotOf(state));
  expect(view.icon).toEqual(icon);
  expect(view.items[0]).toEqual({ kind: 'label', label: line });
  expect(view.tooltip).toContain(line);
});

test('shows trouble when the daemon is gone, and offers nothing that needs it', () => {
  const view = trayView({ daemon: { kind: 'lost', reason: 'the daemon ended' }, contexts: ['a'], namespaces: [] });
  expect(view.icon.shape).toBe('trouble');
  expect(actions(view.items).map(({ kind }) => kind)).toEqual(['diagnose', 'open-window', 'quit']);
});

test('shows off when the daemon was ended, and offers to start it', () => {
  const view = trayView({ daemon: { kind: 'ended' }, contexts: ['a'], namespaces: [] });
  expect(view.icon.shape).toBe('off');
  expect(actions(view.items).map(({ kind }) => kind)).toEqual(['start-daemon', 'diagnose', 'open-window', 'quit']);
});

test('says that the daemon is not this user’s, and offers nothing that would fail', () => {
  const why = 'its folder belongs to another user';
  const view = trayView({ daemon: { kind: 'refused', reason: why }, contexts: ['a'], namespaces: ['shop'] });
  const line = `Not yours to control: ${why}`;
  expect(view.icon.shape).toBe('trouble');
  expect(view.items[0]).toEqual({ kind: 'label', label: line });
  expect(view.tooltip).toContain(line);
  expect(actions(view.items).map(({ kind }) => kind)).toEqual(['open-window', 'quit']);
});

test.each<[string, ConnectionState]>([
  ['degraded', { kind: 'degraded', since, reason }],
  ['reconnecting', { kind: 'reconnecting', since, attempt: 2, reason }],
])('says in trouble, too, where one is, and what is engaged: %s', (_name, trouble) => {
  const state = withConnection(trouble, { engagements: { 'staging/cart': exampleEngagement() } });
  const view = trayView(snapshotOf(state));
  expect(view.tooltip.split('\n')).toEqual([
    'Telepresence',
    'Trouble: The traffic-manager does not answer',
    'staging · shop',
    '1 engagement: cart',
  ]);
  const menus = view.items.flatMap((item) => (item.kind === 'menu' ? [item.label] : []));
  expect(menus).toEqual(expect.arrayContaining(['Context: staging', 'Namespace: shop', '1 engagement']));
});

test('says once where one is when nothing is wrong', () => {
  const view = trayView(snapshotOf(withConnection({ kind: 'on', since })));
  expect(view.tooltip.split('\n')).toEqual(['Telepresence', 'On: staging · shop']);
});

test('offers a fetched version above its end, where there is room for it', () => {
  const update = '0.2.0';
  const restart = { kind: 'action', label: 'Restart into 0.2.0', action: { kind: 'install-update' } };
  for (const daemon of [{ kind: 'ended' }, { kind: 'connected', state: fakeState() }] as const) {
    const { items } = trayView({ daemon, contexts: [], namespaces: [], update });
    expect(items.at(-2)).toEqual(restart);
    expect(items.at(-1)).toMatchObject({ action: { kind: 'quit' } });
  }
  const full = withConnection({ kind: 'on', since }, { engagements: { 'staging/cart': exampleEngagement() } });
  const { items } = trayView({ ...snapshotOf(full), update });
  expect(items.filter(({ kind }) => kind !== 'separator')).toHaveLength(10);
  expect(items).not.toContainEqual(restart);
});

test('offers what makes sense in each state, and only that', () => {
  const kindsOf = (state: DaemonState) => actions(trayView(snapshotOf(state)).items).map(({ kind }) => kind);
  expect(kindsOf(fakeState())).toContain('connect');
  expect(kindsOf(fakeState())).not.toContain('disconnect');
  expect(kindsOf(withConnection({ kind: 'on', since }))).toEqual(expect.arrayContaining(['disconnect', 'pause', 'reconnect']));
  const paused = kindsOf(withConnection({ kind: 'paused', since }));
  expect(paused).toContain('resume');
  expect(paused).not.toContain('pause');
});

test('connects to where the last connection was', () => {
  const request = { kubeFlags: { context: 'old' }, namespace: 'cellar' };
  const recent = (lastUsed: string, context: string) => ({
    request: { ...request, kubeFlags: { context } },
    context,
    namespace: 'cellar',
    server: 'https://10.0.0.2',
    lastUsed,
    pinned: false,
  });
  const state = fakeState({ recents: { a: recent('2026-01-01T00:00:00Z', 'old'), b: recent('2026-02-01T00:00:00Z', 'new') } });
  expect(trayView(snapshotOf(state)).items[1]).toEqual({
    kind: 'action',
    label: 'Connect to new · cellar',
    action: { kind: 'connect', request: { kubeFlags: { context: 'new' }, namespace: 'cellar' } },
  });
});

test('gives each engagement its log, its curl and its end', () => {
  const view = trayView(
    snapshotOf(withConnection({ kind: 'on', since }, { engagements: { 'staging/cart': exampleEngagement() } })),
  );
  expect(actions(view.items)).toEqual(
    expect.arrayContaining([
      { kind: 'leave', connection: 'staging', name: 'cart' },
      { kind: 'open-log', engagement: 'staging/cart' },
      { kind: 'copy', text: 'curl http://cart.shop:80/' },
    ]),
  );
});

test('never has more than ten items at the top, however much there is', () => {
  const engagements = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`staging/e${index}`, exampleEngagement({ name: `e${index}` })]),
  );
  const many = Array.from({ length: 300 }, (_, index) => `name-${index}`);
  const state = withConnection({ kind: 'on', since }, { engagements });
  const view = trayView({ daemon: { kind: 'connected', state }, contexts: many, namespaces: many });
  expect(view.items.filter(({ kind }) => kind !== 'separator').length).toBeLessThanOrEqual(10);
  for (const item of view.items) if (item.kind === 'menu') expect(item.items.length).toBeLessThanOrEqual(27);
});

test('shortens what would make the menu as wide as the screen', () => {
  const health = { long: exampleCondition({ title: 'x'.repeat(500) }) };
  const [first] = trayView(snapshotOf(fakeState({ health }))).items;
  expect(first?.kind === 'label' ? first.label.length : 0).toBe(64);
});

function withConnection(state: ConnectionState, change: Partial<DaemonState> = {}): DaemonState {
  return fakeState({ connections: { staging: exampleConnection({ state }) }, ...change });
}

function snapshotOf(state: DaemonState): TraySnapshot {
  return { daemon: { kind: 'connected', state }, contexts: ['staging', 'production'], namespaces: ['shop', 'cellar'] };
}

function actions(items: readonly TrayItem[]): Extract<TrayItem, { kind: 'action' }>['action'][] {
  return items.flatMap((item) => (item.kind === 'action' ? [item.action] : item.kind === 'menu' ? actions(item.items) : []));
}
