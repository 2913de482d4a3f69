import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import type { StateEvent, Task } from '#protocol/local-api/model.ts';
import type { ApiClient } from './client.ts';
import { untilAborted } from './handlers.ts';
import { applyStateEvent, mirrorState } from './state-mirror.ts';
import { fakeState } from './testing/fake-daemon.ts';

const task = (id: string): Task => ({ id, title: id, state: 'running', stage: '', startedAt: '2026-01-01T00:00:00.000Z' });
const snapshot = (revision: number): StateEvent => ({ kind: 'snapshot', revision, state: fakeState() });
const delta = (revision: number, id: string, value?: Task): StateEvent => ({
  kind: 'delta',
  revision,
  collection: 'tasks',
  id,
  value,
});

describe('applyStateEvent', () => {
  it('adds, replaces and removes members without changing the state before', () => {
    const first = applyStateEvent(undefined, snapshot(4));
    const added = applyStateEvent(first, delta(5, 'a', task('a')));
    const removed = applyStateEvent(added, delta(6, 'a'));
    expect(first?.state.tasks).toEqual({});
    expect(added?.state.tasks).toEqual({ a: task('a') });
    expect(removed?.state.tasks).toEqual({});
    expect(removed?.revision).toBe(6);
  });

  it('reports a gap, and a delta without a snapshot', () => {
    expect(applyStateEvent(applyStateEvent(undefined, snapshot(1)), delta(3, 'a'))).toBeUndefined();
    expect(applyStateEvent(undefined, delta(1, 'a'))).toBeUndefined();
  });
});

describe('mirrorState', () => {
  /** Each subscription plays the next script; `lag` ends one the way a daemon drops a slow reader. */
  const playing = (scripts: readonly (readonly (StateEvent | 'lag')[])[]) => {
    let subscriptions = 0;
    const subscribe = async (
      _name: unknown,
      _input: unknown,
      options: { onEvent(event: unknown): void; signal: AbortSignal },
    ) => {
      const script = scripts[subscriptions] ?? [];
      subscriptions += 1;
      for (const event of script) {
        if (event === 'lag') throw new AppError({ code: 'subscription.lagging', message: 'slow' });
        options.onEvent(event);
      }
      await untilAborted(options.signal);
    };
    return { api: { subscribe } as unknown as ApiClient, count: () => subscriptions };
  };

  it('subscribes again after a gap and after it was too slow', async () => {
    const { api, count } = playing([
      [snapshot(1), delta(3, 'lost', task('lost'))],
      [snapshot(5), 'lag'],
      [snapshot(8), delta(9, 'a', task('a'))],
    ]);
    const stop = new AbortController();
    const seen: string[][] = [];
    await mirrorState(
      api,
      (state) => {
        seen.push(Object.keys(state.tasks));
        if (seen.at(-1)?.length === 1) stop.abort();
      },
      stop.signal,
    );
    expect(count()).toBe(3);
    expect(seen).toEqual([[], [], [], ['a']]);
  });
});
