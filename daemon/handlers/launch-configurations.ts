import { isAbsolute, join } from 'node:path';
import type { Launcher } from './find-launchers.ts';

/** A member of `configurations` in `.vscode/launch.json`, as far as it is read here. */
export interface LaunchConfiguration {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly request?: unknown;
  readonly program?: unknown;
  readonly module?: unknown;
  readonly args?: unknown;
  readonly cwd?: unknown;
  readonly env?: unknown;
  readonly runtimeExecutable?: unknown;
  readonly runtimeArgs?: unknown;
  readonly python?: unknown;
}

interface Variables {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What an editor would run, as a command. Those that need the editor come with the problem. */
export function launcherOf(configuration: LaunchConfiguration, variables: Variables): Launcher | undefined {
  const { name } = configuration;
  if (typeof name !== 'string') return undefined;
  const unknownVariables = new Set<string>();
  const expand = (text: string) => expandVariables(text, variables, unknownVariables);
  const cwd = typeof configuration.cwd === 'string' ? expand(configuration.cwd) : variables.directory;
  const words = commandWords(configuration);
  const command = words?.map((word) => quote(expand(word))).join(' ') ?? '';
  const environment = Object.fromEntries(
    Object.entries((configuration.env ?? {}) as Record<string, unknown>).flatMap(([key, value]) =>
      typeof value === 'string' || typeof value === 'number' ? [[key, expand(String(value))]] : [],
    ),
  );
  const problem = problemOf(configuration, words, unknownVariables);
  return {
    kind: 'launch-configuration',
    name,
    command,
    directory: isAbsolute(cwd) ? cwd : join(variables.directory, cwd),
    environment,
    ...(problem === undefined ? {} : { problem }),
  };
}

function problemOf(
  { type, request }: LaunchConfiguration,
  words: readonly string[] | undefined,
  unknownVariables: ReadonlySet<string>,
): string | undefined {
  if (request === 'attach') return 'It attaches to a program that runs already';
  if (words === undefined) return `Only the editor knows how to start the type "${String(type)}"`;
  if (unknownVariables.size > 0) return `Only the editor knows ${[...unknownVariables].join(', ')}`;
  return undefined;
}

function commandWords(configuration: LaunchConfiguration): string[] | undefined {
  const { type, program, module, runtimeExecutable, python } = configuration;
  const args = wordsOf(configuration.args);
  const runtimeArgs = wordsOf(configuration.runtimeArgs);
  const file = typeof program === 'string' ? [program] : [];
  switch (type) {
    case 'node':
    case 'pwa-node':
    case 'node-terminal': {
      const runtime = typeof runtimeExecutable === 'string' ? runtimeExecutable : 'node';
      return file.length + runtimeArgs.length === 0 ? undefined : [runtime, ...runtimeArgs, ...file, ...args];
    }
    case 'python':
    case 'debugpy': {
      const interpreter = typeof python === 'string' ? python : 'python3';
      if (typeof module === 'string') return [interpreter, '-m', module, ...args];
      return file.length === 0 ? undefined : [interpreter, ...file, ...args];
    }
    case 'go':
      return file.length === 0 ? undefined : ['go', 'run', ...file, ...args];
    case 'cppdbg':
    case 'lldb':
      return file.length === 0 ? undefined : [...file, ...args];
    default:
      return undefined;
  }
}

function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(/\s+/).filter((word) => word !== '');
  return Array.isArray(value) ? value.map(String) : [];
}

function expandVariables(text: string, { directory, env }: Variables, unknownVariables: Set<string>): string {
  return text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => {
    if (name === 'workspaceFolder' || name === 'workspaceRoot' || name === 'cwd') return directory;
    if (name === 'userHome') return env['HOME'] ?? '';
    if (name === 'pathSeparator' || name === '/') return '/';
    if (name.startsWith('env:')) return env[name.slice(4)] ?? '';
    unknownVariables.add(whole);
    return whole;
  });
}

/** As one word of a shell. */
function quote(word: string): string {
  return /^[a-zA-Z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
