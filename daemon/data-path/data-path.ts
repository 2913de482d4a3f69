import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '#base/common/log.ts';
import { resetSocket } from '#base/node/reset-socket.ts';
import { type ConnectionId, describeConnection, type Endpoint, type Protocol } from '#net/tunnel/stream-info.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import type { AppError } from '#protocol/errors/app-error.ts';
import type { TcpFlow } from '../nat/flows.ts';
import { Nat } from '../nat/nat.ts';
import { AnsweringDestinations } from './answering-destinations.ts';
import type { FarEnd, FlowDialer } from './flow-dialer.ts';
import { relay } from './tcp-relay.ts';
import type { TunnelOptions } from './tunnel-dialer.ts';
import { UdpTunnels } from './udp-tunnels.ts';

export interface DataPathOptions {
  readonly tunFd: number;
  readonly ipv4: { readonly interfaceAddress: string; readonly peers: readonly string[] };
  readonly ipv6?: { readonly interfaceAddress: string; readonly peers: readonly string[] };
  /** Sockets that listen on the interface's addresses, where those are of another network namespace. */
  readonly listeners?: { readonly ipv4: number; readonly ipv6: number | undefined };
  readonly dialer: FlowDialer;
  /** Where a connection really goes, given the endpoint that a program used; `undefined` where that stands for nothing. */
  readonly realOf: (endpoint: Endpoint, protocol: Protocol) => Endpoint | undefined;
  /** How long a program waits for the far side to dial: its connect() hangs for so long at most. */
  readonly dialTimeoutMs: number;
  readonly onDeviceGone: (reason: AppError) => void;
  readonly logger: Logger;
}

/** A program that was let through to the listener arrives within moments, or has given up. */
const arrivalTimeoutMs = 10_000;

/** A container that vanished without a word is noticed by the kernel after this and some probes. */
const keepAliveMs = 60_000;

/** The kernel queues this many accepted connections while this thread is busy. */
const backlog = 4_096;

/** The two ends of a flow; whichever comes first waits for the other. */
interface Meeting {
  readonly timer: NodeJS.Timeout;
  tunnel: FarEnd | undefined;
  socket: Socket | undefined;
}

/** Packets in, tunnels out: joins the NAT worker, the listener that the laptop's kernel delivers to, and the way to the cluster. */
export class DataPath {
  readonly #options: DataPathOptions;
  readonly #listeners: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #answering = new AnsweringDestinations();
  /** Flows that were let through, until both their connection and their tunnel are there. */
  readonly #meetings = new Map<TcpFlow, Meeting>();
  /** Flows that are being dialled. */
  readonly #dials = new Set<AbortController>();
  #isStopped = false;
  readonly #udp: UdpTunnels;
  #nat: Nat | undefined;

  constructor(options: DataPathOptions) {
    this.#options = options;
    const { dialTimeoutMs, logger } = options;
    this.#udp = new UdpTunnels({ dialer: { dial: (id, signal) => this.#dialReal(id, signal) }, dialTimeoutMs, logger });
  }

  async start(): Promise<void> {
    const { tunFd, ipv4, ipv6, listeners, logger, onDeviceGone } = this.#options;
    const listenerPortV4 = await this.#listen(ipv4.interfaceAddress, listeners?.ipv4);
    const listenerPortV6 = ipv6 === undefined ? undefined : await this.#listen(ipv6.interfaceAddress, listeners?.ipv6);
    this.#nat = new Nat(
      {
        tunFd,
        ipv4,
        listenerPortV4,
        ...(ipv6 === undefined || listenerPortV6 === undefined ? {} : { ipv6, listenerPortV6 }),
        logger,
      },
      {
        onTcpFlow: (flow) => void this.#openFlow(flow),
        onUdpPacket: (flow, payload) => this.#udp.send(flow, payload),
        onDeviceGone,
      },
    );
    await this.#nat.start();
  }

  /** Ends every connection while packets still flow, so that programs hear of it; takes no new ones. */
  endConnections(): void {
    this.#isStopped = true;
    for (const dial of this.#dials) dial.abort();
    this.#udp.stop();
    for (const { tunnel } of this.#meetings.values()) tunnel?.destroy();
    for (const socket of this.#sockets) resetSocket(socket);
    for (const listener of this.#listeners) listener.close();
  }

  async stop(): Promise<void> {
    this.endConnections();
    await this.#nat?.stop();
  }

  async #listen(address: string, fd: number | undefined): Promise<number> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#listeners.push(listener);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(fd === undefined ? { host: address, port: 0, backlog } : { fd, backlog }, resolve);
    });
    // Such as no descriptor left for a connection: it is lost, the next may not be.
    listener.on('error', (error) => this.#options.logger.warn('A connection could not be taken', { error }));
    return (listener.address() as AddressInfo).port;
  }

  /**
   * Dials first, and lets the program's SYN through only when the far side has answered. Where it did so moments ago the two go side by
   * side, and what the program says first leaves together with the request to dial.
   */
  async #openFlow(flow: TcpFlow): Promise<void> {
    const { dialTimeoutMs, logger } = this.#options;
    const id: ConnectionId = { source: flow.source, destination: flow.destination, protocol: 'tcp' };
    // One for everything that ends it: signals that are made of others cost as much as opening the tunnel.
    const end = new AbortController();
    const timeout = setTimeout(() => end.abort(new Error('The far side did not answer in time')), dialTimeoutMs);
    let isGone = this.#isStopped;
    if (isGone) end.abort();
    flow.onGone(() => {
      isGone = true;
      end.abort();
    });
    this.#dials.add(end);
    const isOptimistic = this.#answering.isAnswering(flow.destination);
    try {
      if (isOptimistic) this.#letThrough(flow, end);
      const tunnel = await this.#dialReal(id, end.signal, { isOptimistic });
      tunnel.on('error', () => undefined);
      tunnel.dialled.then(
        () => this.#answering.reached(flow.destination),
        () => this.#answering.failed(flow.destination),
      );
      end.signal.addEventListener('abort', () => tunnel.destroy(), { once: true });
      if (!isOptimistic) this.#letThrough(flow, end);
      if (end.signal.aborted) tunnel.destroy();
      else this.#meet(flow, { tunnel });
    } catch (error) {
      this.#answering.failed(flow.destination);
      const isRefused = error instanceof DialRejectedError;
      if (!isRefused && !isGone) logger.debug('No way for a connection', { flow: describeConnection(id), error });
      if (isOptimistic) this.#miss(flow);
      else flow.reject(isRefused ? 'refused' : 'unreachable');
    } finally {
      clearTimeout(timeout);
      this.#dials.delete(end);
    }
  }

  #letThrough(flow: TcpFlow, end: AbortController): void {
    const timer = setTimeout(() => this.#miss(flow), arrivalTimeoutMs);
    this.#meetings.set(flow, { timer, tunnel: undefined, socket: undefined });
    if (end.signal.aborted || !flow.accept()) {
      this.#miss(flow);
      end.abort();
    }
  }

  /** One end has come; what has come last joins them. */
  #meet(flow: TcpFlow, came: { readonly tunnel: FarEnd } | { readonly socket: Socket }): void {
    const meeting = this.#meetings.get(flow);
    if (meeting === undefined) return;
    if ('tunnel' in came) {
      meeting.tunnel = came.tunnel;
      came.tunnel.once('close', () => this.#miss(flow));
    } else {
      meeting.socket = came.socket;
      came.socket.on('error', () => undefined).once('close', () => this.#miss(flow));
    }
    const { tunnel, socket, timer } = meeting;
    if (tunnel === undefined || socket === undefined) return;
    clearTimeout(timer);
    this.#meetings.delete(flow);
    this.#sockets.add(socket);
    socket.setKeepAlive(true, keepAliveMs);
    void relay(socket, tunnel).finally(() => {
      this.#sockets.delete(socket);
      flow.released();
    });
  }

  /** One end has gone, or did not come, before they met: neither has any use for the other. */
  #miss(flow: TcpFlow): void {
    const meeting = this.#meetings.get(flow);
    if (meeting === undefined) return;
    clearTimeout(meeting.timer);
    this.#meetings.delete(flow);
    meeting.tunnel?.destroy();
    if (meeting.socket !== undefined) resetSocket(meeting.socket);
    flow.released();
  }

  #accept(socket: Socket): void {
    const flow = this.#nat?.flowOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    if (flow === undefined || !this.#meetings.has(flow)) {
      socket.on('error', () => undefined);
      resetSocket(socket);
      return;
    }
    this.#meet(flow, { socket });
  }

  async #dialReal(id: ConnectionId, signal: AbortSignal, options?: TunnelOptions): Promise<FarEnd> {
    const destination = this.#options.realOf(id.destination, id.protocol);
    if (destination === undefined) throw new DialRejectedError('A virtual address that stands for nothing');
    return await this.#options.dialer.dial({ ...id, destination }, signal, options);
  }
}
