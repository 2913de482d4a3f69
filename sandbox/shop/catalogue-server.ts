import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { clubFingerprint } from './club.ts';
import type { Catalogue, Offer, Product } from './products.ts';
import { countProducts } from './stock-client.ts';

export interface CatalogueVersion {
  readonly version: string;
  /** What this version makes of an offer. */
  change(offer: Offer): Offer;
}

/** Serves `GET /products` as HTTP/1.1 with JSON, from the environment, a secret and a file of a volume. */
export function serveCatalogue({ version, change }: CatalogueVersion): void {
  const { env } = process;
  const read = async (): Promise<Catalogue> => {
    const products = JSON.parse(readFileSync(env['PRODUCTS_FILE'] ?? '/etc/shop/products.json', 'utf8')) as readonly Product[];
    const ids = products.map(({ id }) => id);
    const counts = await countProducts(env['STOCK_URL'] ?? 'http://stock:9090', ids);
    // Members of the club pay less: who belongs to it is a secret of the shop's.
    const token = env['CLUB_TOKEN'];
    const title = `${env['SHOP_TITLE'] ?? 'Shop'}${token === undefined ? '' : ' for members'}`;
    const offers = products.map((product) => change({ ...product, inStock: counts[product.id] ?? 0 }));
    const club = token === undefined ? {} : { club: clubFingerprint(token) };
    return { title, servedBy: `${version} on ${hostname()}`, ...club, offers };
  };
  const port = Number(env['PORT'] ?? 8080);
  const server = createServer((request, response) => {
    if (request.url === '/healthz') {
      response.end('ok\n');
      return;
    }
    read().then(
      (catalogue) => response.setHeader('content-type', 'application/json').end(JSON.stringify(catalogue)),
      (error: unknown) => response.writeHead(502).end(`${error instanceof Error ? error.message : String(error)}\n`),
    );
  });
  server.listen(port, () => process.stdout.write(`${version} listens on ${port}\n`));
}
