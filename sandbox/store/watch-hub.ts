import type { KubeObject } from './objects.ts';
import type { ObjectFilter } from './selectors.ts';
import { expired } from './status-error.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/** What happened to an object, before anybody's selector. */
interface StoredEvent extends WatchEvent {
  readonly revision: number;
  readonly key: string;
  readonly previous?: KubeObject;
}

interface Watcher {
  readonly key: string;
  readonly fits: ObjectFilter;
  readonly listener: (event: WatchEvent) => void;
  /** Events up to this revision are known to it. */
  readonly since: number;
}

/** Hands out what happened, in order, and remembers so many events for watches that come back. */
export class WatchHub {
  readonly #maxEvents: number;
  readonly #watchers = new Set<Watcher>();
  #history: StoredEvent[] = [];
  /** Watches from before this revision have missed something. */
  #forgotten = 0;
  #undelivered: StoredEvent[] = [];
  readonly #forgetListeners = new Set<() => void>();

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  record(event: StoredEvent): void {
    this.#history.push(event);
    if (this.#history.length > 2 * this.#maxEvents) {
      this.#history = this.#history.slice(-this.#maxEvents);
      this.#forgotten = (this.#history[0]?.revision ?? 1) - 1;
    }
    this.#undelivered.push(event);
    // Not at once: a listener that writes would have others see the consequence before the cause.
    if (this.#undelivered.length === 1) queueMicrotask(() => this.#deliver());
  }

  watch(watcher: Watcher): () => void {
    if (watcher.since < this.#forgotten) throw expired(`${watcher.since} (${this.#forgotten})`);
    const delivered = this.#undelivered[0]?.revision ?? Number.POSITIVE_INFINITY;
    const missed = this.#history.filter((event) => event.revision > watcher.since && event.revision < delivered);
    this.#watchers.add(watcher);
    for (const event of missed) tell(watcher, event);
    return () => this.#watchers.delete(watcher);
  }

  /** Forgets everything that happened, as a compaction of etcd would: open watches are told through `onForgotten`. */
  forget(revision: number): void {
    this.#history = [];
    this.#forgotten = revision;
    for (const listener of this.#forgetListeners) listener();
  }

  onForgotten(listener: () => void): () => void {
    this.#forgetListeners.add(listener);
    return () => this.#forgetListeners.delete(listener);
  }

  #deliver(): void {
    for (;;) {
      const event = this.#undelivered[0];
      if (event === undefined) return;
      for (const watcher of this.#watchers) {
        if (event.revision > watcher.since && this.#watchers.has(watcher)) tell(watcher, event);
      }
      this.#undelivered.shift();
    }
  }
}

/** An object that starts or stops to fit a selector comes and goes for the one who watches. */
function tell({ key, fits, listener }: Watcher, event: StoredEvent): void {
  if (event.key !== key) return;
  const isFitting = fits(event.object);
  const didFit = event.previous !== undefined && fits(event.previous);
  if (event.type === 'DELETED') {
    if (didFit) listener({ type: 'DELETED', object: event.object });
  } else if (isFitting) {
    listener({ type: didFit ? 'MODIFIED' : 'ADDED', object: event.object });
  } else if (didFit) {
    listener({ type: 'DELETED', object: event.object });
  }
}
