import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { parseJsonWithComments } from './json-with-comments.ts';
import { type LaunchConfiguration, launcherOf } from './launch-configurations.ts';

export type Launcher = CallOutput<'findLaunchers'>['launchers'][number];

/** Package managers by the lock file that they leave, in the order in which they are believed. */
const packageManagers = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
] as const;

/** Larger files are not what they are named after. */
const maxFileBytes = 1024 * 1024;

/** Ways to start a program that are written down in a folder. What cannot be read is one without a command, with the reason. */
export async function findLaunchers(directory: string, env: Readonly<Record<string, string | undefined>>): Promise<Launcher[]> {
  await checkFolder(directory);
  const found = await Promise.all([npmScripts(directory), launchConfigurations(directory, env), procfile(directory)]);
  return found.flat();
}

/** Folders below one, without hidden ones. Default: the user's home. */
export async function listFolders(directory = homedir()): Promise<CallOutput<'listFolders'>> {
  await checkFolder(directory);
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw new AppError({ code: 'usage', message: `The folder ${directory} cannot be read`, reason: reasonOf(error) }, error);
  });
  const isFolder = await Promise.all(
    entries.map(async (entry) => {
      if (entry.name.startsWith('.')) return false;
      if (!entry.isSymbolicLink()) return entry.isDirectory();
      return (await stat(join(directory, entry.name)).catch(() => undefined))?.isDirectory() === true;
    }),
  );
  const folders = entries.filter((_entry, index) => isFolder[index] === true).map(({ name }) => name);
  const parent = dirname(directory);
  return {
    directory,
    ...(parent === directory ? {} : { parent }),
    folders: folders.sort((a, b) => a.localeCompare(b)),
  };
}

async function checkFolder(directory: string): Promise<void> {
  if (isAbsolute(directory) && (await stat(directory).catch(() => undefined))?.isDirectory() === true) return;
  throw new AppError({
    code: 'usage',
    message: `There is no folder ${directory}`,
    remedies: [{ label: 'Name it by its whole path' }],
  });
}

async function npmScripts(directory: string): Promise<Launcher[]> {
  const file = join(directory, 'package.json');
  return await fromFile(file, { kind: 'npm-script', directory }, async (text) => {
    const { scripts } = (JSON.parse(text) ?? {}) as { readonly scripts?: unknown };
    if (typeof scripts !== 'object' || scripts === null) return [];
    const manager = await packageManager(directory);
    return Object.entries(scripts)
      .filter(([, script]) => typeof script === 'string')
      .map(([name]) => ({
        kind: 'npm-script' as const,
        name,
        command: `${manager} run ${/^[\w:.@/-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`}`,
        directory,
        environment: {},
      }));
  });
}

async function packageManager(directory: string): Promise<string> {
  for (const [lockFile, name] of packageManagers) {
    if ((await stat(join(directory, lockFile)).catch(() => undefined)) !== undefined) return name;
  }
  return 'npm';
}

async function launchConfigurations(directory: string, env: Readonly<Record<string, string | undefined>>): Promise<Launcher[]> {
  const file = join(directory, '.vscode', 'launch.json');
  return await fromFile(file, { kind: 'launch-configuration', directory }, (text) => {
    const { configurations } = (parseJsonWithComments(text) ?? {}) as { readonly configurations?: unknown };
    if (!Array.isArray(configurations)) return [];
    return (configurations as readonly LaunchConfiguration[]).flatMap((item) => launcherOf(item, { directory, env }) ?? []);
  });
}

async function procfile(directory: string): Promise<Launcher[]> {
  return await fromFile(join(directory, 'Procfile'), { kind: 'procfile', directory }, (text) =>
    [...text.matchAll(/^([A-Za-z0-9_-]+):[ \t]*(\S.*)$/gm)].map(([, name = '', command = '']) => ({
      kind: 'procfile' as const,
      name,
      command: command.trim(),
      directory,
      environment: {},
    })),
  );
}

async function fromFile(
  file: string,
  { kind, directory }: Pick<Launcher, 'kind' | 'directory'>,
  read: (text: string) => Launcher[] | Promise<Launcher[]>,
): Promise<Launcher[]> {
  try {
    if ((await stat(file)).size > maxFileBytes) throw new Error('it is too large');
    return await read(await readFile(file, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    return [{ kind, name: file, command: '', directory, environment: {}, problem: `It cannot be read: ${reasonOf(error)}` }];
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
