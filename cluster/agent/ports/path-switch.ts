import dgram, { type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from '#base/common/log.ts';
import { literalLookup } from '#net/dns/literal-lookup.ts';
import { pathControl, repeatMs } from './path-control.ts';
import { drainLimitMs } from './relayed-connection.ts';

/** What keeps a port switched on. */
interface Hold {
  end(): Promise<void>;
}

/** Nobody listens at the discard service: what no rule takes goes unheard. */
const probePort = 9;

/** Brings the agent into the path of the connections to one port, and out of it. */
export class PathSwitch {
  readonly #port: number;
  readonly #logger: Logger;
  #opened: Promise<Hold> | undefined;
  /** One after the other: the end of an intercept must not undo the beginning of the next. */
  #closed: Promise<void> = Promise.resolve();

  constructor(containerPort: number, logger: Logger) {
    this.#port = containerPort;
    this.#logger = logger;
  }

  /** Resolves when new connections come to the agent, until {@link close} or the agent's end; at once where they do anyway. */
  async open(): Promise<void> {
    this.#opened ??= this.#closed.then(async () => await this.#hold());
    await this.#opened;
  }

  /** Resolves when new connections go to the app. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) this.#closed = opened.then(async (hold) => await hold.end());
    await this.#closed;
  }

  async #hold(): Promise<Hold> {
    const socket = dgram.createSocket({ type: 'udp4', lookup: literalLookup });
    if (!(await this.#canSwitch(socket))) {
      socket.close();
      return { end: async () => undefined };
    }
    const tell = async (address: string) => {
      if (!(await isTaken(socket, address, this.#port))) this.#logger.warn('A port could not be switched', { port: this.#port });
    };
    await tell(pathControl.open);
    const cutAt = performance.now() + drainLimitMs;
    const repeat = setInterval(() => {
      void tell(pathControl.open);
      if (performance.now() >= cutAt) void tell(pathControl.cut);
    }, repeatMs).unref();
    return {
      end: async () => {
        clearInterval(repeat);
        await tell(pathControl.close);
        socket.close();
      },
    };
  }

  async #canSwitch(socket: Socket): Promise<boolean> {
    try {
      const listening = once(socket, 'listening');
      // Not an address that others reach: nothing is received here.
      socket.bind(0, '127.0.0.1');
      await listening;
    } catch (error) {
      this.#logger.warn('There is no socket to switch a port with', { port: this.#port, error });
      return false;
    }
    socket.unref().on('error', (error) => this.#logger.warn('A port could not be switched', { port: this.#port, error }));
    const canSwitch = await isTaken(socket, pathControl.close, probePort);
    if (!canSwitch) this.#logger.info('Connections always come to the agent: the kernel has no switch', { port: this.#port });
    return canSwitch;
  }
}

/** Sends a datagram. @returns whether a rule took it */
async function isTaken(socket: Socket, address: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    socket.send('', port, address, (error) => resolve(error !== null && 'code' in error && error.code === 'EPERM'));
  });
}
