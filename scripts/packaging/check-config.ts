import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { checkout } from '../checkout.ts';
import { configuredFuseProblems } from './fuses.ts';

/** As much of the configuration as names files, and the fuses. */
const builderConfig = z.looseObject({
  files: z.array(z.string()),
  extraResources: z.array(z.looseObject({ from: z.string(), to: z.string() })),
  electronFuses: z.record(z.string(), z.unknown()),
});

const packageFile = z.looseObject({ main: z.string() });

/** Members that name one file or folder each. */
const fileMembers = [
  'mac.icon',
  'mac.entitlements',
  'mac.entitlementsInherit',
  'win.icon',
  'nsis.include',
  'linux.icon',
  'deb.afterInstall',
  'deb.afterRemove',
  'rpm.afterInstall',
  'rpm.afterRemove',
];

const configFile = 'electron-builder.yml';

/** A part of electron-builder, which has no door of its own to its schema. */
const builderModule = 'app-builder-lib/out/util/config/config';

/** What is wrong with the packaging configuration: by its own schema, files that it names and that are not there, and fuses. */
export async function configProblems(): Promise<readonly string[]> {
  const config: unknown = parse(readFileSync(join(checkout, configFile), 'utf8'));
  const { files, extraResources, electronFuses } = builderConfig.parse(config);
  const missing: string[] = [];
  for (const pattern of files) {
    if (!pattern.startsWith('!') && globSync(pattern, { cwd: checkout }).length === 0) missing.push(`files: ${pattern}`);
  }
  // What Electron starts.
  const { main } = packageFile.parse(JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')));
  if (!files.includes(main)) missing.push(`files: ${main}, which package.json calls main`);
  for (const { from } of extraResources) if (!existsSync(join(checkout, from))) missing.push(`extraResources: ${from}`);
  for (const member of fileMembers) {
    const path = member.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
    if (typeof path !== 'string') missing.push(`${member} is not set`);
    else if (!existsSync(join(checkout, path))) missing.push(`${member}: ${path}`);
  }
  return [
    ...(await schemaProblems(config)),
    ...missing.map((name) => `${configFile}: there is nothing for ${name}`),
    ...configuredFuseProblems(electronFuses).map((problem) => `${configFile}: ${problem}`),
  ];
}

/** The builder's own check, which it makes only after it has fetched Electron. */
async function schemaProblems(config: unknown): Promise<readonly string[]> {
  const require = createRequire(createRequire(join(checkout, 'package.json')).resolve('electron-builder'));
  const { validateConfiguration } = require(builderModule) as {
    validateConfiguration(config: unknown, logger: object): Promise<void>;
  };
  try {
    await validateConfiguration(config, { isEnabled: false, add: () => undefined, save: async () => undefined });
    return [];
  } catch (error) {
    return [`${configFile}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
