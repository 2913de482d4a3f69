import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { type StateEvent, stateEvent } from '#protocol/local-api/model.ts';
import { HealthRegistry } from './health-registry.ts';
import { StateStore } from './state-store.ts';
import { TaskRegistry } from './task-registry.ts';

const daemon = {
  capabilities: [],
  version: '0.1.0',
  pid: 1,
  executable: '/daemon.js',
  installId: 'id',
  startedAt: '2026-01-01T00:00:00.000Z',
};

function record(store: StateStore): StateEvent[] {
  const events: StateEvent[] = [];
  store.subscribe((event) => events.push(stateEvent.parse(event)));
  return events;
}

describe('StateStore', () => {
  const condition = { code: 'c', severity: 'error', title: 't', message: 'm', since: '', dependsOn: [], remedies: [] } as const;

  it('gives a late subscriber the whole state, then consecutive deltas to everybody', () => {
    const store = new StateStore(daemon);
    const early = record(store);
    store.put('health', 'c', { ...condition, dependsOn: [], remedies: [] });
    const late = record(store);
    store.remove('health', 'c');
    store.remove('health', 'c');
    expect(early.map(({ kind, revision }) => `${kind} ${revision}`)).toEqual(['snapshot 1', 'delta 2', 'delta 3']);
    expect(late.map(({ kind, revision }) => `${kind} ${revision}`)).toEqual(['snapshot 2', 'delta 3']);
    expect(late[0]).toMatchObject({ state: { health: { c: { title: 't' } } } });
    expect(late[1]).not.toHaveProperty('value');
  });

  it('does not change a snapshot that was handed out', () => {
    const store = new StateStore(daemon);
    const before = store.state;
    store.put('health', 'c', { ...condition, dependsOn: [], remedies: [] });
    expect(before.health).toEqual({});
  });

  it('tells nothing more to a subscriber that left', () => {
    const store = new StateStore(daemon);
    const events: StateEvent[] = [];
    store.subscribe((event) => events.push(event))();
    store.put('health', 'c', { ...condition, dependsOn: [], remedies: [] });
    expect(events).toHaveLength(1);
  });
});

describe('TaskRegistry', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('shows stages, the end, and forgets the task a minute later', async () => {
    const store = new StateStore(daemon);
    const tasks = new TaskRegistry(store);
    const seen: string[] = [];
    store.subscribe(() => seen.push(...Object.values(store.state.tasks).map(({ state, stage }) => `${state} ${stage}`)));
    const result = await tasks.run({ title: 'Connect to staging' }, async (task) => {
      task.stage('api');
      return 7;
    });
    expect(result).toBe(7);
    expect(seen).toEqual(['running ', 'running api', 'done api']);
    expect(Object.values(store.state.tasks)[0]).toMatchObject({
      title: 'Connect to staging',
      endedAt: expect.any(String) as string,
    });
    vi.advanceTimersByTime(59_999);
    expect(Object.keys(store.state.tasks)).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(store.state.tasks).toEqual({});
  });

  it('keeps the error of a failed task and throws it', async () => {
    const store = new StateStore(daemon);
    const failing = new TaskRegistry(store).run({ title: 'x' }, () =>
      Promise.reject(new AppError({ code: 'timeout', message: 'too slow' })),
    );
    await expect(failing).rejects.toMatchObject({ code: 'timeout' });
    expect(Object.values(store.state.tasks)[0]).toMatchObject({
      state: 'failed',
      error: { code: 'timeout', message: 'too slow' },
    });
  });

  it.each(['person', 'caller'])('cancels when the %s does', async (who) => {
    const store = new StateStore(daemon);
    const tasks = new TaskRegistry(store);
    const caller = new AbortController();
    const running = tasks.run({ title: 'x', signal: caller.signal }, async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    });
    if (who === 'person') tasks.cancel(Object.keys(store.state.tasks)[0] ?? '');
    else caller.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(Object.values(store.state.tasks)[0]?.state).toBe('cancelled');
  });
});

describe('HealthRegistry', () => {
  it('keeps since when a condition changes its text, and publishes no repetition', () => {
    vi.useFakeTimers({ now: 0 });
    const store = new StateStore(daemon);
    const health = new HealthRegistry(store);
    const report = { code: 'dns', severity: 'error', title: 'DNS', message: 'first', connection: 'a' } as const;
    health.raise(report);
    vi.advanceTimersByTime(1_000);
    const events = record(store);
    health.raise(report);
    health.raise({ ...report, message: 'second' });
    vi.useRealTimers();
    expect(events).toHaveLength(2);
    expect(store.state.health).toEqual({
      'a/dns': { ...report, message: 'second', since: '1970-01-01T00:00:00.000Z', dependsOn: [], remedies: [] },
    });
  });

  it('clears one condition, or all of a connection', () => {
    const store = new StateStore(daemon);
    const health = new HealthRegistry(store);
    const base = { severity: 'warning', title: '', message: '' } as const;
    for (const [code, connection] of [
      ['x', 'a'],
      ['y', 'a'],
      ['x', 'b'],
    ] as const)
      health.raise({ ...base, code, connection });
    health.raise({ ...base, code: 'x' });
    health.clear('x');
    health.clear('x', 'b');
    expect(Object.keys(store.state.health)).toEqual(['a/x', 'a/y']);
    health.clearConnection('a');
    expect(store.state.health).toEqual({});
  });
});
