import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type ApiAnswer = readonly [status: number, body: unknown];

export interface ApiStandIn {
  readonly url: string;
  close(): void;
}

/** An API server that knows nothing: each request is answered as a test says. `date` is what its clock says. */
export async function startApiStandIn(answer: (path: string, body: string) => ApiAnswer, date?: Date): Promise<ApiStandIn> {
  const server = createServer(async (request, response) => {
    const [status, value] = answer((request.url ?? '').split('?')[0] ?? '', await text(request));
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(date === undefined ? {} : { date: date.toUTCString() }),
    });
    response.end(JSON.stringify(value));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A kubeconfig whose one context, `dev`, is that server's, with `shop` as its namespace. */
export function writeKubeconfig(file: string, server: string, user: object = { token: 't' }): void {
  const config = {
    'current-context': 'dev',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
  };
  writeFileSync(file, JSON.stringify(config));
}
