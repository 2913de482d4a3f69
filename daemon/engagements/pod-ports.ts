import { createServer, type Server, type Socket } from 'node:net';
import { parseIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { resetSocket } from '#base/node/reset-socket.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { relay } from '../data-path/tcp-relay.ts';
import type { TunnelDialer } from '../data-path/tunnel-dialer.ts';

/** A pod on the same network answers in milliseconds. */
const dialTimeoutMs = 5_000;

/** Ports of the laptop's loopback that lead to the same ports of the pod, wherever that is at the moment. */
export class PodPorts {
  readonly #dialer: TunnelDialer;
  readonly #podIp: () => string | undefined;
  readonly #logger: Logger;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(options: { readonly dialer: TunnelDialer; readonly podIp: () => string | undefined; readonly logger: Logger }) {
    this.#dialer = options.dialer;
    this.#podIp = options.podIp;
    this.#logger = options.logger;
  }

  /** @throws AppError where a port is in use. */
  async start(ports: readonly number[]): Promise<void> {
    for (const port of ports) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.#serve(socket, port));
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(portError(port, error)));
        server.listen({ host: '127.0.0.1', port }, resolve);
      });
      server.on('error', (error) => this.#logger.warn('A connection could not be taken', { port, error }));
    }
  }

  stop(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(socket: Socket, port: number): Promise<void> {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const ip = parseIp(this.#podIp() ?? '');
    try {
      if (ip === undefined) throw new AppError({ code: 'engagement.failed', message: 'No pod is there at the moment' });
      const source = { ip: { family: ip.family, value: ip.family === 4 ? 0x7f_00_00_01n : 1n }, port: socket.remotePort ?? 0 };
      const id = { source, destination: { ip, port }, protocol: 'tcp' } as const;
      await relay(socket, await this.#dialer.dial(id, AbortSignal.timeout(dialTimeoutMs)));
    } catch (error) {
      this.#logger.info('No way to a port of the pod', { port, error });
      resetSocket(socket);
    }
  }
}

function portError(port: number, error: NodeJS.ErrnoException): AppError {
  const isInUse = error.code === 'EADDRINUSE';
  return new AppError(
    {
      code: isInUse ? 'engagement.laptop-port-in-use' : 'engagement.failed',
      message: `localhost:${port} cannot lead to the pod`,
      reason: isInUse ? 'Another program of the laptop uses the port' : error.message,
    },
    error,
  );
}
