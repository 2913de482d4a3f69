import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, checkout } from '../checkout.ts';
import { installedProgram, runProgram } from '../run-program.ts';

const folder = 'protocol/cluster/generated';

/** Whether the checked-in code for the cluster's wire is what the .proto files give. */
export async function checkGenerated(): Promise<readonly string[]> {
  mkdirSync(cacheDirectory, { recursive: true });
  const directory = mkdtempSync(join(cacheDirectory, 'generated-'));
  try {
    const { exitCode, output } = await runProgram(installedProgram('buf'), ['generate', '--output', directory], {
      timeoutMs: 60_000,
    });
    if (exitCode !== 0) return [output.trim()];
    const expected = contents(join(directory, folder));
    const actual = contents(join(checkout, folder));
    const names = new Set([...expected.keys(), ...actual.keys()]);
    const stale = [...names].filter((name) => expected.get(name) !== actual.get(name));
    return stale.length === 0 ? [] : [...stale.map((name) => `${folder}/${name} is stale`), 'To make it anew: npm run generate'];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function contents(directory: string): ReadonlyMap<string, string> {
  const names = globSync('**/*.{js,ts}', { cwd: directory });
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}
