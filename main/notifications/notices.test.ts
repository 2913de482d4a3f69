import { expect, test } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { Preferences } from '#protocol/local-api/model.ts';
import {
  exampleCondition,
  exampleConnection,
  exampleEngagement,
  examplePreferences,
  exampleSince as since,
} from '#protocol/local-api/testing/example-state.ts';
import { noticesBetween } from './notices.ts';

const on = { staging: exampleConnection() };
const reason = { code: 'engagement.removed', message: 'Somebody took it' } as const;

test('tells of trouble once, and of its end', () => {
  const well = fakeState({ connections: on });
  const ill = fakeState({ connections: on, health: { dns: exampleCondition() } });
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
    engagements: { k: exampleEngagement({ process: { ...process, state: { kind: 'running', since, pid: 7 } } }) },
  });
  const after = fakeState({
    engagements: {
      k: exampleEngagement({
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
  const process = { command: 'npm start', directory: '/src', restarts: 0 };
  const before = fakeState({
    connections: on,
    engagements: { k: exampleEngagement({ process: { ...process, state: { kind: 'running', since, pid: 7 } } }) },
  });
  const after = fakeState({
    connections: on,
    health: { dns: exampleCondition() },
    engagements: {
      k: exampleEngagement({
        state: { kind: 'waiting', since, reason },
        process: { ...process, state: { kind: 'exited', since, exitCode: 1 } },
      }),
    },
    preferences: { preferences: examplePreferences({ [name]: false }) },
  });
  const topics = noticesBetween(before, after).map((notice) => notice.topic);
  expect(topics).toHaveLength(2);
  expect(topics).not.toContain(topic);
});
