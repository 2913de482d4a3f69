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

/** Packets in, tunnels out: joins the NAT worker, the listener that the laptop's kernel delivers to, and the way to the cluster. */
export class DataPath {
  readonly #options: DataPathOptions;
  readonly #listeners: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #answering = new AnsweringDestinations();
  /** Flows that were let through and whose connection has not arrived yet. */
  readonly #dialled = new Map<TcpFlow, { readonly tunnel: FarEnd; readonly timer: NodeJS.Timeout }>();
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
    for (const { tunnel } of this.#dialled.values()) tunnel.destroy();
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

  /** Dials first, and lets the program's SYN through only when the far side has answered, or did so moments ago. */
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
    try {
      const isOptimistic = this.#answering.isAnswering(flow.destination);
      const tunnel = await this.#dialReal(id, end.signal, { isOptimistic });
      tunnel.on('error', () => undefined);
      tunnel.dialled.then(
        () => this.#answering.reached(flow.destination),
        () => this.#answering.failed(flow.destination),
      );
      end.signal.addEventListener('abort', () => tunnel.destroy(), { once: true });
      const timer = setTimeout(() => tunnel.destroy(), arrivalTimeoutMs);
      this.#dialled.set(flow, { tunnel, timer });
      tunnel.once('close', () => this.#forget(flow));
      if (end.signal.aborted || !flow.accept()) tunnel.destroy();
    } catch (error) {
      this.#answering.failed(flow.destination);
      const isRefused = error instanceof DialRejectedError;
      if (!isRefused && !isGone) logger.debug('No way for a connection', { flow: describeConnection(id), error });
      flow.reject(isRefused ? 'refused' : 'unreachable');
    } finally {
      clearTimeout(timeout);
      this.#dials.delete(end);
    }
  }

  /** A tunnel that ended before its program arrived. */
  #forget(flow: TcpFlow): void {
    const dialled = this.#dialled.get(flow);
    if (dialled === undefined) return;
    clearTimeout(dialled.timer);
    this.#dialled.delete(flow);
    flow.released();
  }

  #accept(socket: Socket): void {
    const flow = this.#nat?.flowOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    const dialled = flow === undefined ? undefined : this.#dialled.get(flow);
    if (flow === undefined || dialled === undefined) {
      socket.on('error', () => undefined);
      resetSocket(socket);
      return;
    }
    clearTimeout(dialled.timer);
    this.#dialled.delete(flow);
    this.#sockets.add(socket);
    socket.setKeepAlive(true, keepAliveMs);
    void relay(socket, dialled.tunnel).finally(() => {
      this.#sockets.delete(socket);
      flow.released();
    });
  }

  async #dialReal(id: ConnectionId, signal: AbortSignal, options?: { readonly isOptimistic: boolean }): Promise<FarEnd> {
    const destination = this.#options.realOf(id.destination, id.protocol);
    if (destination === undefined) throw new DialRejectedError('A virtual address that stands for nothing');
    return await this.#options.dialer.dial({ ...id, destination }, signal, options);
  }
}
