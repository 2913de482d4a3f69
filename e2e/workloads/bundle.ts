import { join } from 'node:path';
import { build } from 'esbuild';

/** Text of one program of `programs/`, with all that it imports, ready for Node in a pod. */
export async function bundleProgram(name: string): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, 'programs', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    write: false,
    external: ['bufferutil', 'utf-8-validate'],
    logLevel: 'warning',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${name}`);
  return file.text;
}
