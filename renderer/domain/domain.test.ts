import { describe, expect, it } from 'vitest';
import type { Connection, HealthCondition } from '#protocol/local-api/model.ts';
import { connectCommand } from './command-line.ts';
import { connectionWord, exactly, selectConnection } from './connection-view.ts';
import { problemsOf } from './health-view.ts';
import { ageText, bytesText } from './time-text.ts';

const condition = (code: string, change: Partial<HealthCondition> = {}): HealthCondition => ({
  code,
  severity: 'warning',
  title: code,
  message: '',
  since: '2026-01-01T00:00:00.000Z',
  dependsOn: [],
  remedies: [],
  ...change,
});

describe('words of a connection', () => {
  it('are five: what is degraded or reconnecting is trouble', () => {
    const reason = { code: 'connection.lost', message: '' } as const;
    expect(connectionWord({ state: { kind: 'degraded', since: '', reason } })).toBe('trouble');
    expect(connectionWord({ state: { kind: 'reconnecting', since: '', attempt: 1, reason } })).toBe('trouble');
    expect(connectionWord({ state: { kind: 'paused', since: '' } })).toBe('paused');
  });

  it('are about the chosen connection, else one that is not off', () => {
    const named = (name: string, kind: 'off' | 'on') =>
      ({ name, state: kind === 'on' ? { kind, since: '' } : { kind } }) as Connection;
    const state = { connections: { a: named('a', 'off'), b: named('b', 'on') } } as never;
    const mirror = { link: 'live', error: undefined, state } as const;
    expect(selectConnection(mirror, undefined)?.name).toBe('b');
    expect(selectConnection(mirror, 'a')?.name).toBe('a');
    expect(selectConnection(mirror, 'gone')?.name).toBe('b');
  });

  it('name it so that a regular expression finds it alone', () => {
    expect(new RegExp(exactly({ name: 'a.b' })).test('axb')).toBe(false);
  });
});

it('shows causes only, errors before warnings, the oldest first', () => {
  const health = {
    a: condition('late', { since: '2026-01-02T00:00:00.000Z' }),
    b: condition('early'),
    c: condition('consequence', { severity: 'error', dependsOn: ['worst'] }),
    d: condition('worst', { severity: 'error' }),
  };
  expect(problemsOf(health).map(({ code }) => code)).toEqual(['worst', 'early', 'late']);
});

it('writes the command line of a connect', () => {
  const request = {
    kubeFlags: { context: 'kind dev' },
    namespace: 'shop',
    mode: 'rootless',
    alsoProxy: ['10.0.0.0/8', '10.1.0.0/16'],
  } as const;
  expect(connectCommand({ ...request, alsoProxy: [...request.alsoProxy] })).toBe(
    "telepresence connect --context 'kind dev' --namespace shop --rootless --also-proxy 10.0.0.0/8,10.1.0.0/16",
  );
});

it('writes ages and sizes in one unit', () => {
  const now = Date.parse('2026-01-03T00:00:00.000Z');
  expect(
    ['2026-01-02T23:59:57.000Z', '2026-01-02T23:48:00.000Z', '2026-01-02T19:00:00.000Z', '2025-12-25T00:00:00.000Z'].map(
      (since) => ageText(since, now),
    ),
  ).toEqual(['3 s', '12 min', '5 h', '9 d']);
  expect([0, 1_023, 1_024, 1_264_000_000].map(bytesText)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.2 GiB']);
});
