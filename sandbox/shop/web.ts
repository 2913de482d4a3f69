// The shop's front page, with a WebSocket that pushes a new total when prices change.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { renderPage } from './page.ts';
import type { Catalogue } from './products.ts';

interface Quote {
  readonly catalogue: Catalogue;
  readonly total: number;
}

const lookEveryMs = 1_000;
const { env } = process;

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  quote().then(
    ({ catalogue, total }) => response.setHeader('content-type', 'text/html; charset=utf-8').end(renderPage(catalogue, total)),
    (error: unknown) => response.writeHead(502).end(`${error instanceof Error ? error.message : String(error)}\n`),
  );
});
const sockets = new WebSocketServer({ server, path: '/live' });
sockets.on('connection', (socket) => {
  let last = '';
  const push = () =>
    void quote().then(
      ({ catalogue, total }) => {
        const message = JSON.stringify({ total, servedBy: catalogue.servedBy });
        if (message !== last) socket.send(message);
        last = message;
      },
      () => undefined,
    );
  push();
  const timer = setInterval(push, lookEveryMs);
  socket.on('close', () => clearInterval(timer));
  socket.on('error', () => undefined);
});
server.listen(Number(env['PORT'] ?? 8080));

async function quote(): Promise<Quote> {
  const answer = await fetch(env['CART_URL'] ?? 'http://cart', { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`The cart answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Quote;
}
