import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from '#base/common/log.ts';
import type { ServerCertificate } from '#base/node/certificates/server-certificate.ts';
import { injectorPath } from '#protocol/chart/manager-environment.ts';
import type { AdmissionRequest, AdmissionResponse } from './admission.ts';

export interface WebhookServerOptions {
  readonly review: (request: AdmissionRequest, signal: AbortSignal) => Promise<AdmissionResponse>;
  readonly logger: Logger;
}

/** The API server takes objects of up to 3 MiB, and sends pods twice at most. */
const maxBodyBytes = 8 * 1024 * 1024;

/** Before the API server gives up on us, so that its log has our reason. */
const reviewTimeoutMs = 4_500;

/** The HTTPS server that the API server asks about every new pod. */
export class WebhookServer {
  readonly #options: WebhookServerOptions;
  #server: https.Server | undefined;

  constructor(options: WebhookServerOptions) {
    this.#options = options;
  }

  /** Returns the port. */
  async listen(port: number, certificate: ServerCertificate, host?: string): Promise<number> {
    const server = https.createServer({ ...secureContext(certificate), minVersion: 'TLSv1.2' }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#fail(response, error));
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    // Without a listener, a failing accept would end the process.
    server.on('error', (error) => this.#options.logger.warn('The webhook server failed', { error }));
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  /** For connections from now on. */
  use(certificate: ServerCertificate): void {
    this.#server?.setSecureContext(secureContext(certificate));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0];
    if (path !== injectorPath) return sendText(response, 404, 'not here');
    if (request.method !== 'POST') return sendText(response, 405, 'only POST');
    const body = await readBody(request);
    if (body === undefined) return sendText(response, 413, 'too large');
    const asked = parseReview(body);
    if (asked === undefined) return sendText(response, 400, 'not an AdmissionReview');
    const answer = await this.#options.review(asked, AbortSignal.timeout(reviewTimeoutMs));
    const text = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  }

  /** A failed call, as opposed to a refusal, lets the pod be made. */
  #fail(response: ServerResponse, error: unknown): void {
    this.#options.logger.error('A pod could not be reviewed, and gets no agent', { error });
    if (response.headersSent) response.destroy();
    else sendText(response, 500, error instanceof Error ? error.message : String(error));
  }
}

function secureContext({ certificate, key }: ServerCertificate): { readonly cert: string; readonly key: string } {
  return { cert: certificate, key };
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseReview(body: string): AdmissionRequest | undefined {
  try {
    const { request } = JSON.parse(body) as { readonly request?: Partial<AdmissionRequest> };
    return typeof request?.uid === 'string' && typeof request.operation === 'string' ? (request as AdmissionRequest) : undefined;
  } catch {
    return undefined;
  }
}
