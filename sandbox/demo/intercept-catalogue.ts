import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { bundleProgram } from '../shop/bundle-program.ts';
import { products } from '../shop/shop-objects.ts';
import type { Narrator } from './narrator.ts';
import type { Telepresence } from './telepresence.ts';
import { until } from './until.ts';

export interface CatalogueIntercept {
  readonly telepresence: Telepresence;
  /** For the program and what it reads. */
  readonly directory: string;
  readonly undo: (() => Promise<unknown>)[];
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
}

/** The changed catalogue, on this machine, with the environment that the one in the cluster has. Resolves when it serves. */
export async function interceptCatalogue(intercept: CatalogueIntercept): Promise<ReturnType<Telepresence['start']>> {
  const { telepresence, directory, undo, narrator, signal } = intercept;
  const program = join(directory, 'catalogue.cjs');
  const productsFile = join(directory, 'products.json');
  writeFileSync(program, await bundleProgram('catalogue-next'));
  // Volumes do not come to the laptop yet, so the developer has a file of their own.
  writeFileSync(productsFile, JSON.stringify(products));
  const port = await freePort();
  const command = ['env', `PORT=${port}`, `PRODUCTS_FILE=${productsFile}`, process.execPath, program];
  return await narrator.step(
    'Intercept the catalogue with a version that has a sale',
    `telepresence intercept catalogue --port ${port}:http -- node catalogue-next.js`,
    async (say) => {
      const started = telepresence.start(['intercept', 'catalogue', '--port', `${port}:http`, '--', ...command]);
      undo.push(() => started.stop());
      const isOver = started.ended.then((code) => {
        throw new Error(`The intercept ended with ${code}\n${started.output()}`);
      });
      isOver.catch(() => undefined);
      const handlerLine = /^.* listens on \d+$/m;
      const output = await Promise.race([
        until(
          () => started.output(),
          (text) => handlerLine.test(text),
          signal,
        ),
        isOver,
      ]);
      // What the command itself shows is of the moment before its program listens.
      const list = () => telepresence.must(['list', '--intercepts'], { signal });
      const shown = await until(list, (text) => text.includes('ACTIVE') && !text.includes('nothing listens'), signal);
      say(`${shown.trim()}\n${handlerLine.exec(output)?.[0] ?? ''}`);
      return started;
    },
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
