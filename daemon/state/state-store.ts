import { emptyState } from '#protocol/local-api/empty-state.ts';
import type { DaemonState, StateEvent } from '#protocol/local-api/model.ts';

export type Collection = Exclude<keyof DaemonState, 'daemon'>;
type Member<Name extends Collection> = DaemonState[Name][string];
type Listener = (event: StateEvent) => void;

/**
 * What every client mirrors: the one place where the daemon's state changes, each time by one member of a collection and with the
 * next revision. Members are values; whoever puts one in does not change it afterwards.
 */
export class StateStore {
  #state: DaemonState;
  #revision = 1;
  readonly #listeners = new Set<Listener>();

  constructor(daemon: DaemonState['daemon']) {
    this.#state = emptyState(daemon);
  }

  get state(): DaemonState {
    return this.#state;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Adds or replaces a member. */
  put<Name extends Collection>(collection: Name, id: string, value: Member<Name>): void {
    this.#state = { ...this.#state, [collection]: { ...this.#state[collection], [id]: value } };
    this.#publish({ kind: 'delta', revision: this.#nextRevision(), collection, id, value });
  }

  remove(collection: Collection, id: string): void {
    if (!Object.hasOwn(this.#state[collection], id)) return;
    const { [id]: _removed, ...others } = this.#state[collection] as Readonly<Record<string, unknown>>;
    this.#state = { ...this.#state, [collection]: others };
    this.#publish({ kind: 'delta', revision: this.#nextRevision(), collection, id });
  }

  /** Calls the listener with a snapshot at once and with every delta after. */
  subscribe(listener: Listener): () => void {
    listener({ kind: 'snapshot', revision: this.#revision, state: this.#state });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #nextRevision(): number {
    this.#revision += 1;
    return this.#revision;
  }

  #publish(event: StateEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
