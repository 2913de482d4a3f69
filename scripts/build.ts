import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bundle, bundle, fileName, writeBundle } from './bundle.ts';
import { writeContents } from './bundle-contents.ts';
import { bundleEntries } from './bundle-entries.ts';
import { bundleRenderer } from './bundle-renderer.ts';
import { distDirectory } from './checkout.ts';

/**
 * npm run build            bundles every program, and the window, into dist/
 * npm run bundles:update   the same, and rewrites the lists of contents in scripts/bundles/
 */
const isUpdate = process.argv.includes('--update-contents');
const isQuiet = process.argv.includes('--quiet');
const startedAt = new Date();

mkdirSync(distDirectory, { recursive: true });
for (const result of await Promise.allSettled(bundleEntries.map(bundle))) {
  // esbuild has printed why.
  if (result.status === 'rejected') process.exitCode = 1;
  else finish(result.value);
}
try {
  const { name, kibibytes } = await bundleRenderer();
  if (!isQuiet) console.log(`dist/${name}  ${kibibytes} KiB`);
} catch {
  process.exitCode = 1;
}
// bin/telepresence compares the sources with this file: what changed while the build ran is newer.
const stamp = join(distDirectory, '.built');
if (process.exitCode === undefined) {
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}

function finish(built: Bundle): void {
  writeBundle(built);
  if (isUpdate) writeContents(built);
  if (!isQuiet) console.log(`dist/${fileName(built.entry)}  ${Math.ceil(built.text.length / 1024)} KiB`);
}
