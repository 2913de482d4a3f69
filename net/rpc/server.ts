import type { Logger } from '#base/common/log.ts';
import { productVersion } from '#base/common/version.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type CallName, localApi } from '#protocol/local-api/local-api.ts';
import type { DaemonMessage } from '#protocol/local-api/messages.ts';
import type { MessageChannel } from './channel.ts';
import type { Handlers } from './handlers.ts';

export interface ServerOptions {
  readonly logger: Logger;
  /** Version that a client must have. Default: that of this tree. */
  readonly version?: string;
  /** A subscriber with more unread bytes than this is dropped. Default 4 MiB: a snapshot of some 10,000 workloads and then a burst. */
  readonly maxBufferedBytes?: number;
}

const defaultMaxBufferedBytes = 4 * 1024 * 1024;

/** A client with this many unread answers (not events) has stopped reading, and is disconnected. */
const hardBufferFactor = 16;

/** Calls of one client that may run at the same time. */
const maxRunningCalls = 256;

interface RunningCall {
  readonly name: CallName;
  readonly abort: AbortController;
}

/**
 * Serves the local API on one channel until that closes.
 *
 * The handshake comes first; anything that is not in the protocol ends the channel. Input is validated, what a handler throws goes
 * through `AppError.from`, and the calls of a client that left are aborted unless they survive that.
 */
export function serveChannel(channel: MessageChannel, handlers: Handlers, options: ServerOptions): void {
  new ServedChannel(channel, handlers, options).start();
}

class ServedChannel {
  readonly #channel: MessageChannel;
  readonly #handlers: Handlers;
  readonly #logger: Logger;
  readonly #version: string;
  readonly #maxBufferedBytes: number;
  readonly #calls = new Map<number, RunningCall>();
  #phase: 'greeting' | 'serving' | 'quit-only' | 'closed' = 'greeting';
  #lastId = 0;

  constructor(channel: MessageChannel, handlers: Handlers, options: ServerOptions) {
    this.#channel = channel;
    this.#handlers = handlers;
    this.#logger = options.logger;
    this.#version = options.version ?? productVersion;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? defaultMaxBufferedBytes;
  }

  start(): void {
    this.#channel.open({ message: (value) => this.#receive(value), closed: (error) => this.#leave(error) });
  }

  #receive(value: unknown): void {
    if (this.#phase === 'closed') return;
    const message = asMessage(value);
    if (message === undefined) return this.#violate('a message is not an object');
    if (this.#phase === 'greeting') return this.#greet(message);
    const { id } = message;
    if (typeof id !== 'number' || !Number.isSafeInteger(id)) return this.#violate('a message has no id');
    if (message.cancel === true) {
      this.#calls.get(id)?.abort.abort(new AppError({ code: 'cancelled', message: 'The request was cancelled' }));
      return;
    }
    if (id <= this.#lastId) return this.#violate(`call id ${id} is not above ${this.#lastId}`);
    this.#lastId = id;
    void this.#call(id, message.call, message.input);
  }

  #greet(message: LooseMessage): void {
    if (typeof message.hello !== 'string') return this.#violate('the first message is not a greeting');
    if (message.hello === this.#version) {
      this.#phase = 'serving';
      this.#send({ hello: this.#version });
      return;
    }
    this.#phase = 'quit-only';
    this.#send({ refused: versionMismatch(message.hello, this.#version).toData() });
  }

  async #call(id: number, call: unknown, input: unknown): Promise<void> {
    const abort = new AbortController();
    try {
      const name = this.#callName(call);
      const running: RunningCall = { name, abort };
      this.#calls.set(id, running);
      const output = await this.#run(id, running, input);
      if (this.#calls.delete(id)) this.#send({ id, output });
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'internal') this.#logger.error('Call failed', { call, error: error.cause ?? error });
      else this.#logger.debug('Call ended with an error', { call, code: error.code, message: error.message });
      // A dropped subscription has had its answer, and its entry is gone.
      if (!this.#calls.has(id) && abort.signal.aborted) return;
      this.#calls.delete(id);
      this.#send({ id, error: error.toData() });
    }
  }

  #callName(call: unknown): CallName {
    if (typeof call !== 'string' || !Object.hasOwn(localApi, call)) {
      throw new AppError({ code: 'unsupported', message: `The daemon has no call ${JSON.stringify(call)}` });
    }
    if (this.#phase === 'quit-only' && call !== 'quit') throw versionMismatch('another version', this.#version);
    if (this.#calls.size >= maxRunningCalls) {
      throw new AppError({ code: 'usage', message: `A client may run ${maxRunningCalls} calls at the same time` });
    }
    return call as CallName;
  }

  #run(id: number, running: RunningCall, input: unknown): Promise<unknown> {
    const { name, abort } = running;
    const parsed = localApi[name].input.safeParse(input);
    if (!parsed.success) {
      const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
      throw new AppError({ code: 'usage', message: `The request ${name} is not valid`, reason: problems.join('; ') });
    }
    // The table ties each name to its own input and output; that is beyond what a lookup by a union of names can express.
    const handler = this.#handlers[name] as (input: unknown, context: object) => Promise<unknown>;
    return handler(parsed.data, { emit: (event: unknown) => this.#emit(id, running, event), signal: abort.signal });
  }

  #emit(id: number, running: RunningCall, event: unknown): void {
    if (this.#calls.get(id) !== running) return;
    if (this.#channel.bufferedBytes() <= this.#maxBufferedBytes) return this.#send({ id, event });
    if (!('subscription' in localApi[running.name])) return;
    const error = new AppError({
      code: 'subscription.lagging',
      message: `The subscription ${running.name} was dropped because its reader is too slow`,
      remedies: [{ label: 'Subscribe again' }],
    });
    this.#logger.warn('Slow subscriber dropped', { call: running.name });
    this.#calls.delete(id);
    this.#send({ id, error: error.toData() });
    running.abort.abort(error);
  }

  #send(message: DaemonMessage): void {
    if (this.#phase === 'closed') return;
    if (this.#channel.bufferedBytes() > this.#maxBufferedBytes * hardBufferFactor) {
      return this.#violate('the client has stopped reading');
    }
    this.#channel.send(message);
  }

  #violate(reason: string): void {
    this.#logger.warn('Client disconnected', { reason });
    this.#channel.destroy(new Error(reason));
  }

  #leave(error: Error | undefined): void {
    this.#phase = 'closed';
    if (error !== undefined) this.#logger.debug('Client connection broke', { error });
    for (const { name, abort } of this.#calls.values()) {
      if ('survivesDisconnect' in localApi[name]) continue;
      abort.abort(new AppError({ code: 'cancelled', message: 'The client went away' }));
    }
    this.#calls.clear();
  }
}

interface LooseMessage {
  readonly hello?: unknown;
  readonly id?: unknown;
  readonly call?: unknown;
  readonly input?: unknown;
  readonly cancel?: unknown;
}

function asMessage(value: unknown): LooseMessage | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

function versionMismatch(theirs: string, ours: string): AppError {
  return new AppError({
    code: 'version-mismatch',
    message: `The daemon has version ${ours}, its client ${theirs}`,
    context: { daemonVersion: ours, clientVersion: theirs },
    remedies: [{ label: 'Stop the daemon, so that the next command starts the matching one', command: 'telepresence quit -s' }],
  });
}
