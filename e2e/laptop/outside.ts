import { once } from 'node:events';
import http from 'node:http';

/** Says from where a request came: the laptop's own address, or one of the cluster. */
export interface OutsideAnswer {
  readonly outside: true;
  readonly from: string;
}

/** A web server of the world outside, on an address of the machine. Returns what ends it. */
export async function serveOutside(address: string, port: number): Promise<() => Promise<void>> {
  const server = http.createServer((request, response) => {
    response.setHeader('connection', 'close');
    response.end(JSON.stringify({ outside: true, from: request.socket.remoteAddress ?? '' } satisfies OutsideAnswer));
  });
  server.listen(port, address);
  await once(server, 'listening');
  return async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
}
