import { AppError } from '#protocol/errors/app-error.ts';
import type { Task } from '#protocol/local-api/model.ts';
import type { StateStore } from './state-store.ts';

/** What running work sees of its task. */
export interface TaskHandle {
  readonly id: string;
  /** Aborts when a person cancels the task, or its caller does. */
  readonly signal: AbortSignal;
  /** Names the step under way. */
  stage(text: string): void;
}

export interface TaskOptions {
  /** What the person asked for: "Connect to staging". */
  readonly title: string;
  readonly stage?: string;
  /** Cancels the task too. */
  readonly signal?: AbortSignal;
}

/** How long an ended task stays visible: a minute, so that a glance at the app later still finds the outcome. */
const defaultKeepMs = 60_000;

/** Long work, mirrored into the state store. */
export class TaskRegistry {
  readonly #store: StateStore;
  readonly #keepMs: number;
  readonly #running = new Map<string, AbortController>();
  #lastNumber = 0;

  constructor(store: StateStore, options: { readonly keepMs?: number } = {}) {
    this.#store = store;
    this.#keepMs = options.keepMs ?? defaultKeepMs;
  }

  /** Runs the work as a task and ends as it does. */
  async run<T>(options: TaskOptions, work: (task: TaskHandle) => Promise<T>): Promise<T> {
    this.#lastNumber += 1;
    const id = `task-${this.#lastNumber}`;
    const abort = new AbortController();
    this.#running.set(id, abort);
    const signal = options.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, options.signal]);
    let task: Task = { id, title: options.title, state: 'running', stage: options.stage ?? '', startedAt: now() };
    const publish = (change: Partial<Task>) => {
      task = { ...task, ...change };
      this.#store.put('tasks', id, task);
    };
    publish({});
    try {
      const result = await work({ id, signal, stage: (stage) => publish({ stage }) });
      publish({ state: 'done', endedAt: now() });
      return result;
    } catch (thrown) {
      const error = AppError.from(thrown);
      publish({
        state: error.code === 'cancelled' ? 'cancelled' : 'failed',
        endedAt: now(),
        error: error.toData() as Task['error'],
      });
      throw error;
    } finally {
      this.#running.delete(id);
      setTimeout(() => this.#store.remove('tasks', id), this.#keepMs).unref();
    }
  }

  /** Asks a running task to end early. Unknown and ended tasks are left alone. */
  cancel(id: string): void {
    this.#running.get(id)?.abort(new AppError({ code: 'cancelled', message: 'The task was cancelled' }));
  }

  cancelAll(): void {
    for (const id of this.#running.keys()) this.cancel(id);
  }
}

function now(): string {
  return new Date().toISOString();
}
