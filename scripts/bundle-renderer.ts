import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { checkout, distDirectory } from './checkout.ts';

/** Where the page is, for who serves it. */
const rendererDirectory = join(distDirectory, 'renderer');

/**
 * The window: `index.html`, `app.js`, `app.css`, and chunks that are loaded when they are needed. The folder is replaced as a whole, so that
 * nothing of an earlier build stays in it.
 */
export async function bundleRenderer(): Promise<{ readonly name: string; readonly kibibytes: number }> {
  const fresh = join(distDirectory, `.renderer.${process.pid}`);
  try {
    const { metafile } = await build({
      absWorkingDir: checkout,
      entryPoints: [{ in: 'renderer/main.tsx', out: 'app' }],
      outdir: fresh,
      bundle: true,
      splitting: true,
      minify: true,
      metafile: true,
      platform: 'browser',
      format: 'esm',
      // What Electron and the browsers of the last two years understand.
      target: ['chrome130', 'firefox130', 'safari18'],
      jsx: 'automatic',
      // Served files are kept for ever where their name has a hash.
      chunkNames: 'chunks/[name]-[hash]',
      assetNames: 'assets/[name]-[hash]',
      loader: { '.svg': 'file', '.woff2': 'file' },
      define: { 'process.env.NODE_ENV': '"production"' },
      legalComments: 'none',
      logLevel: 'warning',
    });
    copyFileSync(join(checkout, 'renderer/index.html'), join(fresh, 'index.html'));
    copyFileSync(join(checkout, 'assets/app/app.svg'), join(fresh, 'icon.svg'));
    mkdirSync(distDirectory, { recursive: true });
    const former = join(distDirectory, `.renderer-former.${process.pid}`);
    if (readdirSync(distDirectory).includes('renderer')) renameSync(rendererDirectory, former);
    renameSync(fresh, rendererDirectory);
    rmSync(former, { recursive: true, force: true });
    const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
    return { name: 'renderer/', kibibytes: Math.ceil(bytes / 1024) };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
