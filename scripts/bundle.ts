import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { builtinModulesPlugin } from './builtin-modules-plugin.ts';
import type { BundleEntry } from './bundle-entries.ts';
import { hostModules, nativePackages } from './bundle-entries.ts';
import { checkout, distDirectory } from './checkout.ts';
import { kubeConfigPlugin } from './kube-config-plugin.ts';

export interface Bundle {
  readonly entry: BundleEntry;
  readonly text: string;
  readonly metafile: Metafile;
}

/** Packages in CommonJS ask for `require`, which modules of today do not have. */
const requireBanner = `import { createRequire as createRequireForPackages } from 'node:module';
const require = createRequireForPackages(import.meta.url);`;

/** One file with everything but native packages. */
export async function bundle(entry: BundleEntry): Promise<Bundle> {
  const isPreload = entry.format === 'preload';
  const isModule = (entry.format ?? 'module') === 'module';
  const { outputFiles, metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: [entry.source],
    outfile: `dist/${fileName(entry)}`,
    bundle: true,
    write: false,
    metafile: true,
    platform: isPreload ? 'browser' : 'node',
    format: isModule ? 'esm' : 'cjs',
    target: 'node24',
    // What ES modules offer first: it is smaller, and unused parts can be left out.
    mainFields: ['module', 'main'],
    minifySyntax: true,
    // V8 keeps the text of a program for as long as it runs. With lines of that length, stack traces still say where something is.
    minifyWhitespace: true,
    lineLimit: 160,
    ...(entry.format === 'pod' ? { minify: true } : {}),
    legalComments: 'inline',
    ...(isModule ? { banner: { js: requireBanner } } : {}),
    external: [...nativePackages, ...hostModules],
    plugins: [kubeConfigPlugin(), ...(isModule ? [builtinModulesPlugin()] : [])],
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'error' },
  });
  return { entry, text: inAscii(outputFiles[0]?.text ?? ''), metafile };
}

/**
 * The same program without a character that V8 would take two bytes for: a single one doubles what the text of the program takes up in
 * memory. esbuild leaves them in regular expressions and comments, where an escape means the same.
 */
export function inAscii(text: string): string {
  return text.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Puts a bundle into `dist/`; who starts the program at this moment reads the old one or the new one, never a part. */
export function writeBundle({ entry, text }: Bundle): void {
  mkdirSync(distDirectory, { recursive: true });
  replaceFile(fileName(entry), text);
  if (entry.hasCompileCache) replaceFile(`${entry.name}.js`, starter(entry));
}

export function fileName({ name, hasCompileCache, format }: BundleEntry): string {
  if (format === 'preload' || format === 'pod') return `${name}.cjs`;
  return hasCompileCache ? `${name}.bundle.js` : `${name}.js`;
}

/**
 * Only what is loaded after `enableCompileCache` is kept compiled, so a small file turns it on and loads the bundle. The cache
 * is in the user's own directory, for everybody may write to Node's default, and would be believed; without a home there is
 * none. It is written at once, for a daemon may end by a signal.
 */
function starter({ name }: BundleEntry): string {
  return `import { constants, enableCompileCache, flushCompileCache } from 'node:module';
const { XDG_CACHE_HOME: cache, HOME: home } = process.env;
const directory = cache || (home && home + '/.cache');
const isEnabled = directory && enableCompileCache(directory + '/telepresence/compiled').status === constants.compileCacheStatus.ENABLED;
await import('./${name}.bundle.js');
if (isEnabled) setImmediate(flushCompileCache);
`;
}

function replaceFile(name: string, text: string): void {
  const temporary = join(distDirectory, `.${name}.${process.pid}`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(distDirectory, name));
}
