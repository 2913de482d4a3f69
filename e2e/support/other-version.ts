import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productVersion } from '#base/common/version.ts';
import { defaultImageName, defaultImageRegistry } from '#protocol/chart/values.ts';
import { importImage } from './images.ts';
import { mustRun } from './program.ts';
import { checkout, settings } from './settings.ts';

/** A version of the product before this one: tag of its image, and what its traffic-manager and agents say of themselves. */
export const otherVersion = '0.0.9';

export const otherVersionImage = `${defaultImageRegistry}/${defaultImageName}:${otherVersion}`;

const bundles = ['manager.js', 'agent.js'] as const;
/** As a bundle says it, with spaces or without. */
const own = new RegExp(`productVersion ?= ?"${productVersion.replaceAll('.', '\\.')}"`);

/** Writes the bundles of the cluster's side, with the other version in them, into a folder. */
export async function writeOtherVersion(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of bundles) {
    const text = await readFile(join(checkout, 'dist', name), 'utf8');
    const parts = text.split(own);
    if (parts.length !== 2) throw new Error(`dist/${name} does not say its version in one place`);
    await writeFile(join(directory, name), parts.join(`productVersion="${otherVersion}"`));
  }
}

/** Brings the image of the other version into the cluster's nodes; sandboxes have it from the start. */
export async function bringOtherVersion(): Promise<void> {
  if (settings.sandbox !== undefined) return;
  const directory = await mkdtemp(join(tmpdir(), 'telepresence-e2e-version-'));
  try {
    await writeOtherVersion(directory);
    const [manager, agent, archive] = [...bundles, 'image.tar'].map((name) => join(directory, name)) as [string, string, string];
    const script = join(checkout, 'scripts/image.ts');
    const flags = ['--reference', otherVersionImage, '--program', manager, '--agent-program', agent, '--out', archive];
    await mustRun([process.execPath, script, ...flags], { timeoutMs: 120_000 });
    await importImage(archive);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
