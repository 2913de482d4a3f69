import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { Bundle } from './bundle.ts';
import { checkout } from './checkout.ts';

const directory = join(checkout, 'scripts/bundles');

/**
 * What is in a bundle, one line each, sorted: files of this checkout, packages with the number of their files, packages that
 * stay outside, Node's modules. Checked in, so that a change of it is seen in review.
 */
export function bundleContents({ metafile }: Bundle): string {
  const lines = new Set<string>();
  const packageFiles = new Map<string, number>();
  for (const { inputs, imports } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      // What the bundler has dropped is not there.
      if (bytesInOutput === 0) continue;
      const name = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (name !== undefined) packageFiles.set(name, (packageFiles.get(name) ?? 0) + 1);
      else if (!path.includes(':')) lines.add(`file ${path}`);
    }
    for (const { path } of imports) lines.add(isBuiltin(path) ? `node ${path.replace(/^node:/, '')}` : `external ${path}`);
  }
  for (const [name, count] of packageFiles) lines.add(`package ${name} ${count}`);
  return `${[...lines].toSorted().join('\n')}\n`;
}

/** Differences between the checked-in list and the bundle, one line each: `+` came, `-` went. */
export function contentsDifference(bundle: Bundle): readonly string[] {
  const actual = lineSet(bundleContents(bundle));
  const listed = lineSet(existsSync(listFile(bundle)) ? readFileSync(listFile(bundle), 'utf8') : '');
  const came = [...actual].filter((line) => !listed.has(line)).map((line) => `+ ${line}`);
  const went = [...listed].filter((line) => !actual.has(line)).map((line) => `- ${line}`);
  return [...came, ...went].map((line) => `${bundle.entry.name}: ${line}`);
}

export function writeContents(bundle: Bundle): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(listFile(bundle), bundleContents(bundle));
}

/** What has no place in the program that runs as root, whatever its list says. */
export function helperBreaches(contents: string): readonly string[] {
  const isAllowed = /^(file (base|protocol|helper)\/|package zod \d|external koffi$|node )/;
  return contents
    .split('\n')
    .filter((line) => line !== '' && !isAllowed.test(line))
    .map((line) => `helper: ${line} is not allowed in a program that runs as root`);
}

function lineSet(text: string): ReadonlySet<string> {
  return new Set(text.split('\n').filter((line) => line !== ''));
}

function listFile({ entry }: Bundle): string {
  return join(directory, `${entry.name}.txt`);
}
