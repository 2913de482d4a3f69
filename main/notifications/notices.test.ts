import { expect, test } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { Preferences } from '#protocol/local-api/model.ts';
import { conditionOf, connectionOf, engagementOf } from '../testing/states.ts';
import { noticesBetween } from './notices.ts';

const since = '2026-01-01T00:00:00.000Z';
const on = { staging: connectionOf({ kind: 'on', since }) };
const reason = { code: 'engagement.removed', message: 'Somebody took it' } as const;

test('tells of trouble once, and of its end', () => {
  const well = fakeState({ connections: on });
  const ill = fakeState({ connections: on, health: { dns: conditionOf() } });
  expect(noticesBetween(well, ill)).toMatchObject([{ topic: 'connection', title: 'Telepresence has trouble' }]);
  expect(noticesBetween(ill, ill)).toEqual([]);
  expect(noticesBetween(ill, well)).toMatchObject([{ topic: 'connection', title: 'Telepresence is on again' }]);
});

test('tells nothing of what the person does', () => {
  expect(noticesBetween(fakeState(), fakeState({ connections: on }))).toEqual([]);
  expect(noticesBetween(fakeState({ connections: on }), fakeState())).toEqual([]);
});

test('tells of an engagement that the cluster took away and of a handler that ended', () => {
  const process = { command: 'npm start', directory: '/src', restarts: 0 };
  const before = fakeState({
    engagements: { k: engagementOf({ process: { ...process, state: { kind: 'running', since, pid: 7 } } }) },
  });
  const after = fakeState({
    engagements: {
      k: engagementOf({
        state: { kind: 'ended', since, reason },
        process: { ...process, state: { kind: 'exited', since, exitCode: 1 } },
      }),
    },
  });
  expect(noticesBetween(before, after).map(({ topic, engagement }) => [topic, engagement])).toEqual([
    ['engagement', 'k'],
    ['handler', 'k'],
  ]);
});

test.each<[keyof Preferences, string]>([
  ['notifyConnection', 'connection'],
  ['notifyEngagement', 'engagement'],
  ['notifyHandler', 'handler'],
])('is silent where %s is off', (name, topic) => {
  const preferences: Preferences = {
    startAtLogin: false,
    startHidden: false,
    theme: 'system',
    defaultMode: 'host',
    isWelcomed: true,
    notifyConnection: true,
    notifyEngagement: true,
    notifyHandler: true,
    checkForUpdates: false,
    [name]: false,
  };
  const process = { command: 'npm start', directory: '/src', restarts: 0 };
  const before = fakeState({
    connections: on,
    engagements: { k: engagementOf({ process: { ...process, state: { kind: 'running', since, pid: 7 } } }) },
  });
  const after = fakeState({
    connections: on,
    health: { dns: conditionOf() },
    engagements: {
      k: engagementOf({
        state: { kind: 'waiting', since, reason },
        process: { ...process, state: { kind: 'exited', since, exitCode: 1 } },
      }),
    },
    preferences: { preferences },
  });
  const topics = noticesBetween(before, after).map((notice) => notice.topic);
  expect(topics).toHaveLength(2);
  expect(topics).not.toContain(topic);
});
