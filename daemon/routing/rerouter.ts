import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { lookup, resolveSrv } from 'node:dns/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { formatIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { resetSocket } from '#base/node/reset-socket.ts';
import type { Endpoint, Protocol } from '#net/tunnel/stream-info.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { LocalReroute, PortName, RemoteReroute } from './reroutes.ts';

/** Addresses behind names change: they are looked up again this often. */
const refreshMs = 30_000;

/** A UDP program that was quiet for so long gets a new flow. */
const udpIdleMs = 60_000;

/**
 * Both kinds of rerouting. Names are looked up as programs of the laptop do it, through the connection's own DNS, and local ports lead
 * into the cluster through the interface like any other program: nothing here knows of tunnels.
 */
export class Rerouter {
  readonly #remote: readonly RemoteReroute[];
  readonly #local: readonly LocalReroute[];
  readonly #logger: Logger;
  readonly #ports = new Map<string, number>();
  readonly #servers: (Server | UdpSocket)[] = [];
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(remote: readonly RemoteReroute[], local: readonly LocalReroute[], logger: Logger) {
    this.#remote = remote;
    this.#local = local;
    this.#logger = logger;
  }

  /** Call once names resolve. @throws AppError where a local port is taken. */
  async start(): Promise<void> {
    this.#isStopped = false;
    for (const reroute of this.#local) {
      const server = reroute.protocol === 'tcp' ? await this.#listenTcp(reroute) : await this.#listenUdp(reroute);
      if (this.#isStopped) server.close();
      else this.#servers.push(server);
    }
    if (this.#remote.length === 0) return;
    await this.#refresh();
    if (!this.#isStopped) this.#timer = setInterval(() => void this.#refresh(), refreshMs);
  }

  /** Where a connection to the endpoint goes instead; the endpoint itself where nothing says otherwise. */
  redirect(endpoint: Endpoint, protocol: Protocol): Endpoint {
    if (this.#ports.size === 0) return endpoint;
    const port = this.#ports.get(keyOf(formatIp(endpoint.ip), endpoint.port, protocol));
    return port === undefined ? endpoint : { ip: endpoint.ip, port };
  }

  /** Idempotent. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #refresh(): Promise<void> {
    for (const { host, port, newPort, protocol } of this.#remote) {
      try {
        const number = await portOf(host, port, protocol);
        for (const { address } of await lookup(host, { all: true })) this.#ports.set(keyOf(address, number, protocol), newPort);
      } catch (error) {
        this.#logger.warn('A name to reroute does not resolve', { host, error });
      }
    }
  }

  async #listenTcp({ localPort, host, port }: LocalReroute): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      // The program may go away while the port is looked up.
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      portOf(host, port, 'tcp').then(
        (number) => {
          if (!socket.destroyed) this.#join(socket, connect({ host, port: number, allowHalfOpen: true }));
        },
        (error: unknown) => {
          this.#logger.warn('A port to reroute does not resolve', { host, error });
          resetSocket(socket);
        },
      );
    });
    await bound(server, localPort, () => server.listen({ host: '127.0.0.1', port: localPort }));
    return server;
  }

  #join(left: Socket, right: Socket): void {
    for (const [socket, other] of [
      [left, right],
      [right, left],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => resetSocket(other));
      socket.on('close', () => this.#sockets.delete(socket));
      socket.pipe(other);
    }
  }

  async #listenUdp({ localPort, host, port }: LocalReroute): Promise<UdpSocket> {
    const server = createSocket('udp4');
    const flows = new Map<string, { readonly socket: UdpSocket; readonly idle: NodeJS.Timeout }>();
    server.on('message', (datagram, from) => {
      const key = `${from.address}:${from.port}`;
      let flow = flows.get(key);
      if (flow === undefined) {
        const socket = createSocket('udp4');
        const idle = setTimeout(() => {
          flows.delete(key);
          socket.close();
        }, udpIdleMs);
        socket.on('error', () => undefined);
        socket.on('message', (answer) => {
          if (!this.#isStopped) server.send(answer, from.port, from.address);
        });
        flow = { socket, idle };
        flows.set(key, flow);
      }
      flow.idle.refresh();
      const { socket } = flow;
      void portOf(host, port, 'udp').then(
        (number) => {
          // Idle or stopped by now, and then closed: sending would throw.
          if (!this.#isStopped && flows.get(key)?.socket === socket) socket.send(datagram, number, host);
        },
        (error: unknown) => this.#logger.warn('A port to reroute does not resolve', { host, error }),
      );
    });
    server.once('close', () => {
      for (const { socket, idle } of flows.values()) {
        clearTimeout(idle);
        socket.close();
      }
    });
    await bound(server, localPort, () => server.bind(localPort, '127.0.0.1'));
    return server;
  }
}

async function portOf(host: string, port: PortName, protocol: Protocol): Promise<number> {
  if (typeof port === 'number') return port;
  const [record] = await resolveSrv(`_${port}._${protocol}.${host}`);
  if (record === undefined) throw new Error(`${host} has no port named ${port}`);
  return record.port;
}

function keyOf(address: string, port: number, protocol: Protocol): string {
  return `${protocol} ${address} ${port}`;
}

async function bound(server: Server | UdpSocket, port: number, bind: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'Another program listens there' : error.message;
      reject(new AppError({ code: 'usage', message: `The local port ${port} cannot be used`, reason }, error));
    });
    bind();
  });
}
