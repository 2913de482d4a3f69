import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Laptop } from '../../e2e/laptop/laptop.ts';

const lineCount = 10;
const maxChars = 400;

/** The latest warnings and errors in the product's logs, for a run in which something of ours failed: the laptop goes with the run. */
export async function latestWarnings(laptop: Laptop): Promise<readonly string[]> {
  const directory = join(laptop.home, '.local/state/telepresence/logs');
  const lines: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const text = await readFile(join(directory, name), 'utf8');
    // What is no JSON was written by a process that came down.
    const grave = text
      .split('\n')
      .filter((line) => line !== '' && (!line.startsWith('{') || /"level":"(warn|error|fatal)"/.test(line)));
    lines.push(...grave.slice(-lineCount).map((line) => `${name}: ${line.slice(0, maxChars)}`));
  }
  return lines;
}
