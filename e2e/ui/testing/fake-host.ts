import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { WebSocketServer } from 'ws';
import { silentLogger } from '#base/common/log.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { serveChannel } from '#net/rpc/server.ts';
import { checkedHandlers } from '#net/rpc/testing/fake-daemon.ts';
import { webSocketChannel, webSocketProtocol } from '#net/rpc/web-socket-channel.ts';
import type { StateEvent } from '#protocol/local-api/model.ts';
import type { FakeState } from './fake-state.ts';

export interface FakeHost {
  /** With the token, as `telepresence ui` prints it. */
  readonly url: string;
  /** Ends every page's session as a daemon that is killed does; the page is still served. */
  killSessions(): void;
  /** Whether sessions are accepted: a daemon that is not there accepts none. */
  setListening(isListening: boolean): void;
  stop(): Promise<void>;
}

const directory = join(import.meta.dirname, '../../../dist/renderer');
const token = 'a-token-of-the-test';
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Serves the built page under the policy of the real host, and the local API with the handlers of a test. */
export async function startFakeHost(state: FakeState, handlers: Partial<Handlers>): Promise<FakeHost> {
  const policy = (host: string) =>
    `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://${host}; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  const server = createServer((request, response) => {
    const name = request.url === '/' ? '/index.html' : (request.url ?? '/');
    readFile(join(directory, name.split('?')[0] ?? ''))
      .then((body) => {
        response.writeHead(200, {
          'content-type': types[extname(name)] ?? 'application/octet-stream',
          'content-security-policy': policy(request.headers.host ?? ''),
        });
        response.end(body);
      })
      .catch(() => response.writeHead(404).end());
  });
  const sockets = new WebSocketServer({
    server,
    path: '/api',
    handleProtocols: (offered) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
    verifyClient: ({ req }: { req: { headers: Record<string, string | string[] | undefined> } }) =>
      isListening && String(req.headers['sec-websocket-protocol']).includes(`token.${token}`),
  });
  let isListening = true;
  const all = checkedHandlers({
    watchState: async (_input, { emit, signal }) => {
      const stop = state.subscribe((event: StateEvent) => emit(event));
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      stop();
      return {};
    },
    cancelTask: async () => ({}),
    setPreferences: async ({ change }) => {
      const before = state.value.preferences['preferences'];
      if (before !== undefined) state.put('preferences', 'preferences', { ...before, ...definedOf(change) });
      return {};
    },
    ...handlers,
  });
  sockets.on('connection', (socket) => serveChannel(webSocketChannel(socket), all, { logger: silentLogger }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const killSessions = () => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    url: `http://127.0.0.1:${port}/#token=${token}`,
    killSessions,
    setListening(next) {
      isListening = next;
      if (!next) killSessions();
    },
    async stop() {
      killSessions();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function definedOf<T extends object>(change: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}
