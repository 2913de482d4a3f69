import type { DaemonState, StateEvent } from '#protocol/local-api/model.ts';

type Collection = Exclude<keyof DaemonState, 'daemon'>;

/** A daemon's state that a test changes, as subscribers see it: a snapshot, then deltas with consecutive revisions. */
export interface FakeState {
  readonly value: DaemonState;
  put<Name extends Collection>(collection: Name, id: string, value: DaemonState[Name][string]): void;
  remove(collection: Collection, id: string): void;
  subscribe(listener: (event: StateEvent) => void): () => void;
}

export function createFakeState(initial: DaemonState): FakeState {
  let value = initial;
  let revision = 1;
  const listeners = new Set<(event: StateEvent) => void>();
  const change = (collection: Collection, id: string, next: unknown) => {
    const { [id]: _replaced, ...others } = value[collection] as Readonly<Record<string, unknown>>;
    value = { ...value, [collection]: next === undefined ? others : { ...others, [id]: next } };
    revision += 1;
    const event: StateEvent = { kind: 'delta', revision, collection, id, ...(next === undefined ? {} : { value: next }) };
    for (const listener of listeners) listener(event);
  };
  return {
    get value() {
      return value;
    },
    put: change,
    remove: (collection, id) => change(collection, id, undefined),
    subscribe(listener) {
      listener({ kind: 'snapshot', revision, state: value });
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
