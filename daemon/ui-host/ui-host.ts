import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '#base/common/log.ts';
import type { MessageChannel } from '#net/rpc/channel.ts';
import { webSocketChannel, webSocketProtocol, webSocketTokenPrefix } from '#net/rpc/web-socket-channel.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { maxMessageBytes } from '#protocol/local-api/messages.ts';
import { isForUs, isFromOurPage, isOfAnotherUser } from './request-guard.ts';
import { contentSecurityPolicy, serveFile } from './static-files.ts';
import { UiSessions } from './ui-sessions.ts';

export interface UiHostOptions {
  /** Files of the page, with `index.html`. */
  readonly pageDirectory: string;
  /** Where sessions are kept for the next daemon. */
  readonly sessionsFile: string;
  readonly onChannel: (channel: MessageChannel) => void;
  readonly logger: Logger;
}

const apiPath = '/api';

/** A page has its files in milliseconds. */
const requestTimeoutMs = 30_000;

/** The window for a browser: its files, and the local API by WebSocket, on the loopback. */
export class UiHost {
  readonly #options: UiHostOptions;
  readonly #sessions: UiSessions;
  readonly #sockets: WebSocketServer;
  readonly #strangers = new WeakMap<Socket, Promise<boolean>>();
  #listening: Promise<Server> | undefined;
  #port = 0;

  constructor(options: UiHostOptions) {
    this.#options = options;
    this.#sessions = new UiSessions(options.sessionsFile, options.logger);
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
    });
  }

  /** Goes on with the pages that an earlier daemon served when it was killed: they come back by themselves. */
  async restore(): Promise<void> {
    const port = this.#sessions.restore();
    if (port === undefined) return;
    try {
      await this.#listen(port);
    } catch (error) {
      this.#options.logger.info('The pages of before cannot come back', { port, error });
      this.#listening = undefined;
    }
  }

  /**
   * An address of the window, good for one browser.
   *
   * @throws AppError `unsupported` where the page is not there.
   */
  async open(): Promise<string> {
    const { pageDirectory } = this.#options;
    if (!existsSync(join(pageDirectory, 'index.html'))) {
      throw new AppError({
        code: 'unsupported',
        message: 'This installation has no window for a browser',
        reason: `There is no page in ${pageDirectory}`,
        remedies: [{ label: 'In a checkout, build it', command: 'npm run build' }],
      });
    }
    await (this.#listening ?? this.#listen(0));
    return `http://127.0.0.1:${this.#port}/#token=${this.#sessions.issue(this.#port)}`;
  }

  /** No address is good any more. Pages that are open hear the daemon's last answers, and end with it. */
  async stop(): Promise<void> {
    this.#sessions.forget();
    const server = await this.#listening?.catch(() => undefined);
    server?.close();
    server?.closeIdleConnections();
  }

  async #listen(port: number): Promise<Server> {
    this.#listening = this.#start(port);
    return await this.#listening;
  }

  async #start(port: number): Promise<Server> {
    const { logger } = this.#options;
    const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        logger.debug('A file was not sent to its end', { error });
        response.destroy();
      });
    });
    server.on('connection', (socket: Socket) => this.#strangers.set(socket, isOfAnotherUser(socket)));
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => undefined);
      void this.#isStranger(request).then((isStranger) =>
        isStranger ? refuse(socket, 403) : this.#upgrade(request, socket, head),
      );
    });
    const failed = once(server, 'error').then(([error]) => {
      throw error;
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true });
    await Promise.race([once(server, 'listening'), failed]);
    failed.catch((error: unknown) => logger.error('The listener for browsers failed', { error }));
    this.#port = (server.address() as AddressInfo).port;
    // Pages alone are no reason for the process to live.
    server.unref();
    logger.info('Serving the window to browsers', { port: this.#port });
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(baseHeaders(`127.0.0.1:${this.#port}`))) response.setHeader(name, value);
    if ((await this.#isStranger(request)) || !isForUs(request, this.#port)) response.writeHead(403).end();
    else await serveFile(this.#options.pageDirectory, request, response);
  }

  async #isStranger({ socket }: IncomingMessage): Promise<boolean> {
    const isStranger = (await this.#strangers.get(socket)) ?? false;
    if (isStranger) this.#options.logger.warn('Another user of this computer asked for the window', { port: socket.remotePort });
    return isStranger;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url !== apiPath) return refuse(socket, 404);
    if (!isFromOurPage(request, this.#port)) return refuse(socket, 403);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const token = offered.find((name) => name.startsWith(webSocketTokenPrefix))?.slice(webSocketTokenPrefix.length);
    if (token === undefined || !offered.includes(webSocketProtocol)) return refuse(socket, 401);
    const cookie = `telepresence-ui-${this.#port}`;
    const admission = this.#sessions.admit(token, cookieOf(request, cookie));
    if (admission.kind === 'refused') return refuse(socket, 401);
    if (admission.kind === 'bound') {
      const setCookie = `Set-Cookie: ${cookie}=${admission.secret}; Path=${apiPath}; HttpOnly; SameSite=Strict; Max-Age=604800`;
      this.#sockets.once('headers', (headers: string[]) => headers.push(setCookie));
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket));
  }

  #serve(webSocket: WebSocket): void {
    this.#options.logger.debug('A page connected');
    this.#options.onChannel(webSocketChannel(webSocket));
  }
}

function baseHeaders(host: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': contentSecurityPolicy(host),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  };
}

function refuse(socket: Duplex, status: 401 | 403 | 404): void {
  const texts = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' } as const;
  socket.end(`HTTP/1.1 ${status} ${texts[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
