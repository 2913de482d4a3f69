import dgram, { type RemoteInfo, type Socket } from 'node:dgram';
import { parseIp } from '#base/common/ip.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { PortIntercept } from '../intercepts.ts';
import { socketEndpoint } from './socket-endpoint.ts';
import type { PortOptions } from './tcp-port.ts';

export interface UdpPortOptions extends PortOptions {
  /** Where the app is: UDP sockets do not tell which address the caller used. */
  readonly podIp: string;
  /** Silence that ends a flow. Default 1 min. */
  readonly idleMs?: number;
}

/** Where the datagrams of one caller go. */
interface Flow {
  /** Known once it is open. */
  readonly isWithApp: boolean;
  send(datagram: Buffer): void;
  close(): void;
}

const defaultIdleMs = 60_000;

/** Callers with a flow; datagrams of more are lost. */
const maxFlows = 4_096;

/** Datagrams that wait for a dial. */
const maxWaiting = 64;

/** A laptop without a listener is asked again for a caller after this. */
const refusedMs = 1_000;

/** One UDP port of the app: the datagrams of each caller go on to the app, or to the laptop that has intercepted the port. */
export class UdpPort {
  readonly #options: UdpPortOptions;
  readonly #flows = new Map<string, { readonly flow: Flow; readonly idle: NodeJS.Timeout }>();
  #socket: Socket | undefined;
  #intercept: PortIntercept | undefined;

  constructor(options: UdpPortOptions) {
    this.#options = options;
  }

  /** @returns the port, which the system chooses for 0. */
  async listen(): Promise<number> {
    const { host } = this.#options;
    if (host?.includes('.') === true) return await this.#bind('udp4', host);
    try {
      return await this.#bind('udp6', host);
    } catch (error) {
      // Where the kernel has no IPv6.
      if (host !== undefined) throw error;
      return await this.#bind('udp4', undefined);
    }
  }

  /** From now on datagrams go there, or to the app. */
  setIntercept(intercept: PortIntercept | undefined): void {
    const isSame = intercept?.id === this.#intercept?.id && intercept?.sessionId === this.#intercept?.sessionId;
    this.#intercept = intercept;
    if (!isSame) this.#endFlows();
  }

  /** The laptop of the intercept answers again: flows that went to the app meanwhile are made anew, and no others. */
  laptopReturned(): void {
    for (const [key, { flow }] of this.#flows) if (flow.isWithApp) this.#end(key);
  }

  stop(): void {
    this.#endFlows();
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #bind(type: 'udp4' | 'udp6', host: string | undefined): Promise<number> {
    const socket = dgram.createSocket(type);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(this.#options.port.agentPort, host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', (error) =>
      this.#options.logger.warn('A UDP socket failed', { port: this.#options.port.agentPort, error }),
    );
    socket.on('message', (datagram, caller) => this.#receive(datagram, caller));
    this.#socket = socket;
    return socket.address().port;
  }

  #receive(datagram: Buffer, caller: RemoteInfo): void {
    const key = `${caller.address} ${caller.port}`;
    let entry = this.#flows.get(key);
    if (entry === undefined) {
      if (this.#flows.size >= maxFlows) return;
      const idle = setTimeout(() => this.#end(key), this.#options.idleMs ?? defaultIdleMs).unref();
      entry = { flow: this.#open(key, caller), idle };
      this.#flows.set(key, entry);
    }
    entry.idle.refresh();
    entry.flow.send(datagram);
  }

  #open(key: string, caller: RemoteInfo): Flow {
    const answer = (datagram: Buffer) => {
      this.#flows.get(key)?.idle.refresh();
      // One that the kernel does not take is lost, as datagrams are.
      this.#socket?.send(datagram, caller.port, caller.address, () => undefined);
    };
    const source = socketEndpoint(caller.address, caller.port);
    const intercept = this.#intercept;
    if (intercept === undefined || source === undefined) return this.#toApp(answer);
    const opened = this.#options.dialer.dial(intercept, source, 'udp').then((outcome): Flow => {
      switch (outcome.kind) {
        case 'reached':
          return toLaptop(outcome.tunnel, answer, () => this.#end(key));
        case 'refused':
          setTimeout(() => this.#end(key), refusedMs).unref();
          return { isWithApp: false, send: () => undefined, close: () => undefined };
        case 'lost':
          return this.#toApp(answer);
      }
    });
    return whenOpen(opened);
  }

  #toApp(answer: (datagram: Buffer) => void): Flow {
    const { podIp, port } = this.#options;
    const socket = dgram.createSocket(parseIp(podIp)?.family === 6 ? 'udp6' : 'udp4');
    const waiting: Buffer[] = [];
    let isConnected = false;
    let isClosed = false;
    // Nobody listens there, perhaps only for now.
    socket.on('error', () => undefined);
    socket.on('message', answer);
    socket.connect(port.containerPort, podIp, () => {
      isConnected = true;
      for (const datagram of waiting.splice(0)) if (!isClosed) socket.send(datagram, () => undefined);
    });
    return {
      isWithApp: true,
      send: (datagram) => {
        if (isClosed) return;
        if (isConnected) socket.send(datagram, () => undefined);
        else if (waiting.length < maxWaiting) waiting.push(datagram);
      },
      close: () => {
        if (!isClosed) socket.close();
        isClosed = true;
      },
    };
  }

  #end(key: string): void {
    const entry = this.#flows.get(key);
    if (entry === undefined) return;
    this.#flows.delete(key);
    clearTimeout(entry.idle);
    entry.flow.close();
  }

  #endFlows(): void {
    for (const key of this.#flows.keys()) this.#end(key);
  }
}

function toLaptop(tunnel: TunnelDuplex, answer: (datagram: Buffer) => void, onEnd: () => void): Flow {
  tunnel.on('data', answer).once('end', onEnd).once('close', onEnd);
  return {
    isWithApp: false,
    // A laptop that does not keep up loses datagrams instead of filling the memory.
    send: (datagram) => void (tunnel.destroyed || tunnel.writableNeedDrain || tunnel.write(datagram)),
    close: () => tunnel.destroy(),
  };
}

/** Keeps the first datagrams until it is known where they go. */
function whenOpen(opened: Promise<Flow>): Flow {
  const waiting: Buffer[] = [];
  let flow: Flow | undefined;
  let isClosed = false;
  void opened.then((found) => {
    if (isClosed) return found.close();
    flow = found;
    for (const datagram of waiting.splice(0)) found.send(datagram);
  });
  return {
    get isWithApp() {
      return flow?.isWithApp ?? false;
    },
    send: (datagram) => {
      if (flow !== undefined) flow.send(datagram);
      else if (waiting.length < maxWaiting) waiting.push(datagram);
    },
    close: () => {
      isClosed = true;
      flow?.close();
    },
  };
}
