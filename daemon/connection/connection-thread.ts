import { Worker } from 'node:worker_threads';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import type { Logger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection, Engagement, HealthCondition } from '#protocol/local-api/model.ts';
import type { FromWorker, ToWorker, WorkerCallName, WorkerCalls, WorkerInput } from './worker-messages.ts';

export interface ConnectionThreadOptions {
  readonly input: WorkerInput;
  readonly logger: Logger;
  readonly onChanged: (connection: Connection) => void;
  readonly onHealth: (conditions: readonly HealthCondition[]) => void;
  /** Without a value: it is gone. */
  readonly onEngagement: (name: string, engagement: Engagement | undefined) => void;
  /** The thread ended without being asked to. */
  readonly onCrashed: (error: AppError) => void;
}

interface PendingCall {
  readonly ended: Deferred<unknown>;
  readonly onEvent: ((event: never) => void) | undefined;
}

/** A connection in a thread of its own, so that its traffic never delays an answer of the local API, nor the other way round. */
export class ConnectionThread {
  readonly #options: ConnectionThreadOptions;
  readonly #worker: Worker;
  readonly #calls = new Map<number, PendingCall>();
  #lastId = 0;
  #isEnding = false;
  /** Why nothing can be asked any more. */
  #failure: AppError | undefined;

  constructor(options: ConnectionThreadOptions) {
    this.#options = options;
    const script = import.meta.url.endsWith('.ts') ? './connection-worker.ts' : './connection-worker.js';
    this.#worker = new Worker(new URL(script, import.meta.url), {
      workerData: options.input,
      name: `connection ${options.input.name}`,
      // Descriptors come from the helper and go to the packet thread: they are closed where they end.
      trackUnmanagedFds: false,
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#ended(AppError.from(error)));
    this.#worker.on('exit', (code) =>
      this.#ended(new AppError({ code: 'internal', message: `The connection's thread ended (code ${code})` })),
    );
  }

  /** @throws AppError what the connection answered. */
  async call<Name extends WorkerCallName>(
    call: Name,
    input: WorkerCalls[Name]['input'],
    options: { readonly signal?: AbortSignal; readonly onEvent?: (event: WorkerCalls[Name]['event']) => void } = {},
  ): Promise<WorkerCalls[Name]['output']> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#lastId += 1;
    const id = this.#lastId;
    const ended = deferred<unknown>();
    this.#calls.set(id, { ended, onEvent: options.onEvent });
    const cancel = () => this.#send({ kind: 'cancel', id });
    this.#send({ kind: 'call', id, call, input });
    if (options.signal?.aborted === true) cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    try {
      return (await ended.promise) as WorkerCalls[Name]['output'];
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      this.#calls.delete(id);
    }
  }

  /** Ends the thread; what it made on the laptop should have been undone by `disconnect`. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#worker.terminate();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'changed':
        this.#options.onChanged(message.connection);
        return;
      case 'health':
        this.#options.onHealth(message.conditions);
        return;
      case 'engagement':
        this.#options.onEngagement(message.name, message.engagement);
        return;
      case 'event':
        this.#calls.get(message.id)?.onEvent?.(message.event as never);
        return;
      case 'output':
        this.#calls.get(message.id)?.ended.resolve(message.output);
        return;
      case 'error':
        this.#calls.get(message.id)?.ended.reject(new AppError(message.error));
    }
  }

  #ended(error: AppError): void {
    this.#failure ??= this.#isEnding ? new AppError({ code: 'cancelled', message: 'The connection was ended' }) : error;
    for (const { ended } of this.#calls.values()) ended.reject(this.#failure);
    this.#calls.clear();
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#options.logger.error('A connection crashed', { connection: this.#options.input.name, error });
    this.#options.onCrashed(error);
  }
}
