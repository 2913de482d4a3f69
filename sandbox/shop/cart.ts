// What a customer has chosen, with the prices of the catalogue: HTTP/1.1 with JSON.
import { createServer } from 'node:http';
import type { Catalogue } from './products.ts';

const chosen: Readonly<Record<string, number>> = { teapot: 1, cup: 4 };
const { env } = process;

createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  quote().then(
    (answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
    (error: unknown) => response.writeHead(502).end(`${error instanceof Error ? error.message : String(error)}\n`),
  );
}).listen(Number(env['PORT'] ?? 8080));

async function quote(): Promise<{ readonly catalogue: Catalogue; readonly total: number }> {
  const answer = await fetch(`${env['CATALOGUE_URL'] ?? 'http://catalogue'}/products`, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`The catalogue answered ${answer.status}: ${await answer.text()}`);
  const catalogue = (await answer.json()) as Catalogue;
  const total = catalogue.offers.reduce((sum, { id, price }) => sum + price * (chosen[id] ?? 0), 0);
  return { catalogue, total: Math.round(total * 100) / 100 };
}
