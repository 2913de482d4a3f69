import { once } from 'node:events';
import net from 'node:net';

/**
 * A TCP relay between a laptop and the API server, with faults on demand:
 *
 * - `blackhole()`: bytes stop in both directions and new connections are accepted and never answered; nobody is told.
 * - `refuse()`: connections are reset and new ones refused, as when the API server is down.
 * - `heal()`: as before. Connections that were silent go on.
 */
export class Relay {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;
  #address = { host: '', port: 0 };
  #isSilent = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address;
  }

  async listen(host: string, port = 0): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => this.#relay(socket));
    this.#server = server;
    server.listen(port, host);
    await once(server, 'listening');
    this.#address = { host, port: (server.address() as net.AddressInfo).port };
  }

  blackhole(): void {
    this.#isSilent = true;
    for (const socket of this.#sockets) socket.pause();
  }

  async refuse(): Promise<void> {
    await this.close();
  }

  async heal(): Promise<void> {
    if (this.#server === undefined) await this.listen(this.#address.host, this.#address.port);
    this.#isSilent = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Ends every connection, without a word and without accepting new ones. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #relay(laptopSide: net.Socket): void {
    const clusterSide = net.connect({ ...this.#target, allowHalfOpen: true });
    this.#join(laptopSide, clusterSide);
    this.#join(clusterSide, laptopSide);
    if (this.#isSilent) for (const socket of [laptopSide, clusterSide]) socket.pause();
  }

  #join(from: net.Socket, to: net.Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => {
          if (!this.#isSilent) from.resume();
        });
      }
    });
    from.on('end', () => to.end());
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
