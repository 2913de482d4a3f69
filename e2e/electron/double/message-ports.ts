import { Emitter } from './emitter.ts';

/** Where messages of a port go once its other end is in a page. */
export interface PortTransport {
  send(data: unknown): void;
  close(): void;
}

/** One end of a channel in main. Messages wait until `start`, as in Electron. */
export class MessagePortMain extends Emitter {
  #transport: PortTransport | undefined;
  #isStarted = false;
  #isClosed = false;
  #waiting: unknown[] = [];

  attach(transport: PortTransport): void {
    this.#transport = transport;
  }

  postMessage(message: unknown): void {
    if (!this.#isClosed) this.#transport?.send(structuredClone(message));
  }

  start(): void {
    this.#isStarted = true;
    for (const data of this.#waiting.splice(0)) this.tell('message', { data, ports: [] });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#transport?.close();
    queueMicrotask(() => this.tell('close'));
  }

  deliver(data: unknown): void {
    if (this.#isClosed) return;
    if (this.#isStarted) this.tell('message', { data, ports: [] });
    else this.#waiting.push(data);
  }

  /** The other end is gone. */
  ended(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.tell('close');
  }
}

export class MessageChannelMain {
  readonly port1 = new MessagePortMain();
  readonly port2 = new MessagePortMain();

  constructor() {
    linked(this.port1, this.port2);
    linked(this.port2, this.port1);
    others.set(this.port2, this.port1);
    others.set(this.port1, this.port2);
  }
}

const others = new WeakMap<MessagePortMain, MessagePortMain>();

/** The end that stays when the given one is handed to a page. */
export function otherEnd(port: MessagePortMain): MessagePortMain {
  const other = others.get(port);
  if (other === undefined) throw new TypeError('Not a port of this double');
  return other;
}

function linked(port: MessagePortMain, other: MessagePortMain): void {
  port.attach({ send: (data) => other.deliver(data), close: () => other.ended() });
}
