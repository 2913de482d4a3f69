import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { productPaths } from '#base/node/paths.ts';
import { openDaemonChannel } from '#net/rpc/connect-api.ts';
import { webSocketChannel } from '#net/rpc/web-socket-channel.ts';

/**
 * local-api.ts [URL TOKEN HEADERS-AS-JSON]
 *
 * Joins its standard streams with the daemon's local API, a JSON value on each line: over the Unix socket of its user, or over a WebSocket
 * as a page does. The first line says how that began: `{"open": true, "cookie": …}` or `{"status": 401}`.
 */
const [url, token = '', headers = '{}'] = process.argv.slice(2);

const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function openWebSocket(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address, ['telepresence.v1', `token.${token}`], {
    headers: JSON.parse(headers) as Record<string, string>,
  });
  await new Promise<void>((resolve) => {
    let cookie: string | undefined;
    socket.once('upgrade', (response) => {
      cookie = response.headers['set-cookie']?.[0]?.split(';')[0];
    });
    socket.once('unexpected-response', (_request, { statusCode }) => {
      print({ status: statusCode });
      process.exit();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      print({ status: error.code });
      process.exit();
    });
    socket.once('open', () => {
      print({ open: true, cookie, protocol: socket.protocol });
      resolve();
    });
  });
  return socket;
}

const channel =
  url === undefined
    ? await openDaemonChannel(productPaths(process.env).daemonSocket)
    : webSocketChannel(await openWebSocket(url));
if (url === undefined) print({ open: true });
channel.open({ message: print, closed: () => process.exit() });
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => channel.send(JSON.parse(line)));
lines.on('close', () => channel.close());
