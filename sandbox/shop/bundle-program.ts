import { join } from 'node:path';
import { build } from 'esbuild';

/** Text of one program of the shop with all that it imports, ready for Node. */
export async function bundleProgram(name: string): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    write: false,
    // Faster with them; without them all the same.
    external: ['bufferutil', 'utf-8-validate'],
    logLevel: 'warning',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${name}`);
  return file.text;
}
