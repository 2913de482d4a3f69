import { HttpDoubt } from './http-doubt.ts';
import {
  type BodyFraming,
  type RequestHead,
  type ResponseHead,
  readRequestHead,
  readRequestLine,
  readResponseHead,
} from './message-head.ts';
import { MessageReader } from './message-reader.ts';

/** More requests on their way than this on one connection is no client that exists. */
const maxPending = 128;

/** `Exchange` is the listener's own name for a request with its response. */
export interface ExchangeListener<Exchange> {
  request(head: RequestHead): Exchange;
  requestContent(exchange: Exchange, chunk: Uint8Array, start: number, end: number): void;
  /** The final response; those of the 100s are passed over, but for a switch. */
  response(exchange: Exchange, head: ResponseHead): void;
  responseContent(exchange: Exchange, chunk: Uint8Array, start: number, end: number): void;
  ended(exchange: Exchange): void;
}

/** Why no more exchanges come: another protocol was agreed on, or the bytes are not surely HTTP/1.1. */
export type ExchangesOver =
  | { readonly kind: 'switched'; readonly protocol: 'http2' | 'websocket' | 'tcp'; readonly target: string }
  | { readonly kind: 'doubt'; readonly reason: string };

interface Pending<Exchange> {
  readonly exchange: Exchange;
  readonly method: string;
  readonly target: string;
}

/**
 * Requests and responses of one connection of HTTP/1.1, told from its bytes as they pass. It only looks: bytes are neither kept nor changed,
 * and it never throws; where there is the least doubt about them it is over.
 *
 * ```
 * HTTP/1.1 → over: switched(protocol)   Upgrade, CONNECT, or the preface of HTTP/2
 *     └────→ over: doubt(reason)
 * ```
 */
export class Exchanges<Exchange> {
  readonly #listener: ExchangeListener<Exchange>;
  readonly #requests: MessageReader;
  readonly #responses: MessageReader;
  /** Those without a whole response, oldest first. */
  readonly #pending: Pending<Exchange>[] = [];
  #sending: Exchange | undefined;
  #isAnswering = false;
  #isInterim = false;
  #isUntilClose = false;
  #over: ExchangesOver | undefined;

  constructor(listener: ExchangeListener<Exchange>) {
    this.#listener = listener;
    this.#requests = new MessageReader({
      startLine: (line) => void readRequestLine(line),
      head: (text) => this.#request(text),
      content: (chunk, start, end) => {
        if (this.#sending !== undefined) listener.requestContent(this.#sending, chunk, start, end);
      },
      end: () => {
        this.#sending = undefined;
      },
    });
    this.#responses = new MessageReader({
      startLine: (line) => {
        if (this.#pending.length === 0 || !line.startsWith('HTTP/1.')) throw new HttpDoubt('no response');
      },
      head: (text) => this.#response(text),
      content: (chunk, start, end) => {
        const [current] = this.#pending;
        if (current !== undefined) listener.responseContent(current.exchange, chunk, start, end);
      },
      end: () => this.#responseEnded(),
    });
  }

  get over(): ExchangesOver | undefined {
    return this.#over;
  }

  /** Those that have no whole response, oldest first. */
  get pending(): readonly Exchange[] {
    return this.#pending.map(({ exchange }) => exchange);
  }

  /** Bytes of the client. @returns how many of them were HTTP/1.1. */
  fromClient(chunk: Buffer): number {
    return this.#read(this.#requests, chunk);
  }

  /** Bytes of the server. @returns how many of them were HTTP/1.1. */
  fromServer(chunk: Buffer): number {
    return this.#read(this.#responses, chunk);
  }

  /** The server has sent its last byte, which may end a response. */
  serverEnded(): void {
    if (this.#over === undefined && this.#isAnswering && this.#isUntilClose) this.#responseEnded();
  }

  #read(reader: MessageReader, chunk: Buffer): number {
    if (this.#over !== undefined) return 0;
    try {
      return reader.read(chunk);
    } catch (error) {
      this.#over = { kind: 'doubt', reason: error instanceof HttpDoubt ? error.message : 'the reader failed' };
      return 0;
    }
  }

  #request(text: string): BodyFraming | 'switch' {
    if (text === 'PRI * HTTP/2.0' && this.#pending.length === 0) {
      this.#over = { kind: 'switched', protocol: 'http2', target: '' };
      return 'switch';
    }
    const { head, body } = readRequestHead(text);
    if (head.version === 'HTTP/2.0' || this.#pending.length >= maxPending) throw new HttpDoubt('no request');
    const exchange = this.#listener.request(head);
    this.#pending.push({ exchange, method: head.method, target: head.target });
    this.#sending = exchange;
    return body;
  }

  #response(text: string): BodyFraming | 'switch' {
    const [current] = this.#pending;
    if (current === undefined) throw new HttpDoubt('a response to nothing');
    const { head, body } = readResponseHead(text, current.method);
    this.#isInterim = head.status < 200 && head.status !== 101;
    if (this.#isInterim) return body;
    this.#listener.response(current.exchange, head);
    const isTunnel = current.method === 'CONNECT' && head.status < 300;
    if (head.status === 101 || isTunnel) {
      this.#responseEnded();
      this.#over = { kind: 'switched', protocol: protocolOf(head.upgrade), target: current.target };
      return 'switch';
    }
    this.#isAnswering = true;
    this.#isUntilClose = body.kind === 'until-close';
    return body;
  }

  #responseEnded(): void {
    if (this.#isInterim) return;
    this.#isAnswering = false;
    const current = this.#pending.shift();
    if (current === undefined) return;
    // A server may answer before it has heard all; what is still sent belongs to nothing that is looked at.
    if (this.#sending === current.exchange) this.#sending = undefined;
    this.#listener.ended(current.exchange);
  }
}

function protocolOf(upgrade: string): 'http2' | 'websocket' | 'tcp' {
  if (upgrade === 'websocket') return 'websocket';
  return upgrade === 'h2c' ? 'http2' : 'tcp';
}
