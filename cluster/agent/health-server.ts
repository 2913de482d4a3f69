import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers the kubelet: `/healthz` always, `/readyz` while the agent takes connections. */
export class HealthServer {
  readonly #server: Server;

  constructor(isReady: () => boolean) {
    this.#server = http.createServer((request, response) => {
      const status = request.url === '/healthz' ? 200 : request.url === '/readyz' ? (isReady() ? 200 : 503) : 404;
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(`${http.STATUS_CODES[status]}\n`);
    });
    this.#server.requestTimeout = 5_000;
  }

  /** @returns the port, which the system chooses for 0. */
  async listen(port: number, host?: string): Promise<number> {
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(port, host, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}
