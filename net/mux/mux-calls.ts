import { Code, ConnectError } from '@connectrpc/connect';
import { codeOf } from '../grpc/code-of.ts';
import { maxMessageBytes, muxType } from './mux-frames.ts';

/** Calls that a server has under way for one connection; a laptop's programs ask some dozens at a time. */
const maxServed = 4_096;

const statusBytes = 1;

/** What calls need of their connection. */
export interface MuxCallsOptions {
  readonly send: (call: number, type: number, payload: Uint8Array) => void;
  readonly serve: ((question: Buffer) => Promise<Uint8Array>) | undefined;
  /** Nothing is under way any more. */
  readonly onIdle: () => void;
}

interface Asked {
  resolve(answer: Buffer): void;
  reject(error: ConnectError): void;
}

/**
 * Questions and answers on a multiplexed connection, a frame each: for what programs wait for one after another. A stream for each would cost
 * both ends more than the answer does.
 */
export class MuxCalls {
  readonly #options: MuxCallsOptions;
  readonly #asked = new Map<number, Asked>();
  #lastCall = 0;
  #served = 0;
  #isEnded = false;

  constructor(options: MuxCallsOptions) {
    this.#options = options;
  }

  /** Whether nothing is asked, and nothing is being served. */
  get isIdle(): boolean {
    return this.#asked.size === 0 && this.#served === 0;
  }

  /** @throws ConnectError, see `MuxConnection.call` */
  async ask(question: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) throw givenUp();
    if (this.#isEnded) throw broken();
    if (question.length > maxMessageBytes) throw new ConnectError('The question is too large', Code.ResourceExhausted);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#lastCall = (this.#lastCall + 1) >>> 0;
    const call = this.#lastCall;
    this.#asked.set(call, { resolve, reject });
    const abort = () => reject(givenUp());
    signal.addEventListener('abort', abort, { once: true });
    this.#options.send(call, muxType.call, question);
    try {
      return await promise;
    } finally {
      this.#asked.delete(call);
      signal.removeEventListener('abort', abort);
      if (this.isIdle) this.#options.onIdle();
    }
  }

  receive(call: number, type: number, payload: Buffer): void {
    if (type === muxType.call) void this.#answer(call, payload);
    else this.#answered(call, payload);
  }

  /** The connection has ended. */
  end(): void {
    this.#isEnded = true;
    for (const { reject } of this.#asked.values()) reject(broken());
  }

  /** Of a call that was given up, nobody waits for the answer. */
  #answered(call: number, payload: Buffer): void {
    const asked = this.#asked.get(call);
    const status = payload[0];
    const body = payload.subarray(statusBytes);
    if (status === 0) asked?.resolve(body);
    else asked?.reject(new ConnectError(body.toString(), codeOf(String(status))));
  }

  async #answer(call: number, question: Buffer): Promise<void> {
    const { send, serve, onIdle } = this.#options;
    this.#served += 1;
    try {
      if (serve === undefined) throw new ConnectError('There are no calls here', Code.Unimplemented);
      if (this.#served > maxServed) throw new ConnectError('Too many calls at once', Code.ResourceExhausted);
      const answer = await serve(question);
      if (answer.length > maxMessageBytes - statusBytes)
        throw new ConnectError('The answer is too large', Code.ResourceExhausted);
      send(call, muxType.answer, withStatus(0, answer));
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      send(call, muxType.answer, withStatus(code, Buffer.from(rawMessage)));
    } finally {
      this.#served -= 1;
      if (this.isIdle) onIdle();
    }
  }
}

function withStatus(status: number, body: Uint8Array): Buffer {
  const payload = Buffer.allocUnsafe(statusBytes + body.length);
  payload[0] = status;
  payload.set(body, statusBytes);
  return payload;
}

function givenUp(): ConnectError {
  return new ConnectError('The call was given up', Code.Canceled);
}

function broken(): ConnectError {
  return new ConnectError('The connection ended before the answer', Code.Unavailable);
}
