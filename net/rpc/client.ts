import { type Deferred, deferred } from '#base/common/deferred.ts';
import { productVersion } from '#base/common/version.ts';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput, CallName, CallOutput, SubscriptionName } from '#protocol/local-api/local-api.ts';
import type { ClientMessage } from '#protocol/local-api/messages.ts';
import type { MessageChannel } from './channel.ts';

// Only types of the schema are imported here: a command must not spend its start on building validators. A client trusts its daemon.

export interface CallOptions<Name extends CallName> {
  onEvent?(event: CallEvent<Name>): void;
  /** Cancels the call; the daemon's answer to that (mostly the error `cancelled`) still ends it. */
  readonly signal?: AbortSignal;
}

/** A client's end of the local API. */
export interface ApiClient {
  /** @throws AppError whatever the daemon answered, or `daemon.lost` where the connection ended first. */
  call<Name extends CallName>(name: Name, input: CallInput<Name>, options?: CallOptions<Name>): Promise<CallOutput<Name>>;
  /**
   * A call that ends in order when `signal` aborts.
   *
   * @throws AppError `subscription.lagging` where this process was too slow: subscribe again for a fresh snapshot.
   */
  subscribe<Name extends SubscriptionName>(
    name: Name,
    input: CallInput<Name>,
    options: { onEvent(event: CallEvent<Name>): void; readonly signal: AbortSignal },
  ): Promise<void>;
  close(): void;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
}

export interface ClientOptions {
  /** Version to announce. Default: that of this tree. */
  readonly version?: string;
  /** Accept a daemon of another version, of which only `quit` can be asked. */
  readonly isQuitOnly?: boolean;
  /** For the daemon's greeting. Default 5 s: a daemon answers in a millisecond unless the laptop is overloaded. */
  readonly greetingTimeoutMs?: number;
}

/**
 * Greets the daemon on a channel.
 *
 * @throws AppError `version-mismatch`, `daemon.lost` or `timeout`.
 */
export async function createApiClient(channel: MessageChannel, options: ClientOptions = {}): Promise<ApiClient> {
  const client = new ChannelClient(channel, options.isQuitOnly ?? false);
  const timer = setTimeout(() => {
    channel.destroy(new AppError({ code: 'timeout', message: 'The daemon does not answer' }));
  }, options.greetingTimeoutMs ?? 5_000);
  try {
    await client.greet(options.version ?? productVersion);
  } catch (error) {
    channel.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return client;
}

interface PendingCall {
  readonly ended: Deferred<unknown>;
  readonly onEvent: ((event: never) => void) | undefined;
}

class ChannelClient implements ApiClient {
  readonly #channel: MessageChannel;
  readonly #isQuitOnly: boolean;
  readonly #greeted = deferred<void>();
  readonly #closed = deferred<void>();
  readonly #calls = new Map<number, PendingCall>();
  #lastId = 0;
  #failure: AppError | undefined;

  constructor(channel: MessageChannel, isQuitOnly: boolean) {
    this.#channel = channel;
    this.#isQuitOnly = isQuitOnly;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  greet(version: string): Promise<void> {
    this.#channel.open({ message: (value) => this.#receive(value as LooseMessage), closed: (error) => this.#end(error) });
    this.#send({ hello: version });
    return this.#greeted.promise;
  }

  async call<Name extends CallName>(
    name: Name,
    input: CallInput<Name>,
    options: CallOptions<Name> = {},
  ): Promise<CallOutput<Name>> {
    if (this.#failure !== undefined) throw this.#failure;
    const { signal } = options;
    if (signal?.aborted === true) throw AppError.from(signal.reason);
    this.#lastId += 1;
    const id = this.#lastId;
    const ended = deferred<unknown>();
    this.#calls.set(id, { ended, onEvent: options.onEvent?.bind(options) });
    this.#send({ id, call: name, input });
    const cancel = () => this.#send({ id, cancel: true });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return (await ended.promise) as CallOutput<Name>;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async subscribe<Name extends SubscriptionName>(
    name: Name,
    input: CallInput<Name>,
    options: { onEvent(event: CallEvent<Name>): void; readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      await this.call(name, input, { onEvent: (event) => options.onEvent(event), signal: options.signal });
    } catch (error) {
      if (!(options.signal.aborted && error instanceof AppError && error.code === 'cancelled')) throw error;
    }
  }

  close(): void {
    this.#channel.close();
  }

  #send(message: ClientMessage): void {
    this.#channel.send(message);
  }

  #receive(message: LooseMessage): void {
    if (message.id === undefined) {
      if (message.refused !== undefined && !this.#isQuitOnly) this.#greeted.reject(new AppError(message.refused));
      else this.#greeted.resolve();
      return;
    }
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    if ('event' in message) {
      call.onEvent?.(message.event as never);
      return;
    }
    this.#calls.delete(message.id);
    if (message.error === undefined) call.ended.resolve(message.output);
    else call.ended.reject(new AppError(message.error));
  }

  #end(error: Error | undefined): void {
    this.#failure =
      error instanceof AppError
        ? error
        : new AppError({ code: 'daemon.lost', message: 'The connection to the daemon ended' }, error);
    this.#greeted.reject(this.#failure);
    for (const { ended } of this.#calls.values()) ended.reject(this.#failure);
    this.#calls.clear();
    this.#closed.resolve();
  }
}

interface LooseMessage {
  readonly refused?: ErrorData;
  readonly id?: number;
  readonly event?: unknown;
  readonly output?: unknown;
  readonly error?: ErrorData;
}
