import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The answer to a GET of one path. */
export interface EndpointAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A small HTTP server for probes and metrics: GET of fixed paths, nothing else. */
export class HttpEndpoints {
  readonly #server: Server;

  constructor(endpoints: Readonly<Record<string, () => EndpointAnswer>>) {
    this.#server = http.createServer((request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
      const known = endpoint?.() ?? plain(404, 'not found');
      const { status, contentType, body } =
        request.method === 'GET' || request.method === 'HEAD' ? known : plain(405, 'only GET');
      response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
    this.#server.requestTimeout = 5_000;
  }

  /** @returns the port, which the system chooses for 0. */
  async listen(port: number, host?: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

export function plain(status: number, body: string): EndpointAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
