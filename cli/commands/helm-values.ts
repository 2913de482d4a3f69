import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { CliIo } from '../invocation.ts';

export interface ValuesOptions {
  readonly values?: string[];
  readonly set?: string[];
  readonly setString?: string[];
  readonly setFile?: string[];
  readonly setJson?: string[];
}

/** The values in Helm's order of precedence: files first, then JSON, plain, string and file settings; later ones win. */
export async function readValues(options: ValuesOptions, io: CliIo): Promise<CallInput<'lintValues'>['values']> {
  const files = await Promise.all((options.values ?? []).map((source) => readYaml(source, io)));
  const settings = (kind: 'set-json' | 'set' | 'set-string', expressions: readonly string[] = []) =>
    expressions.map((expression) => ({ kind, expression: checked(kind, expression) }));
  const fromFiles = await Promise.all(
    (options.setFile ?? []).map(async (text) => {
      const expression = checked('set-file', text);
      const path = expression.slice(expression.indexOf('=') + 1);
      return { kind: 'set-file' as const, expression, text: await readText(path, io) };
    }),
  );
  return [
    ...files,
    ...settings('set-json', options.setJson),
    ...settings('set', options.set),
    ...settings('set-string', options.setString),
    ...fromFiles,
  ];
}

async function readYaml(source: string, io: CliIo): Promise<{ kind: 'yaml'; source: string; text: string }> {
  return { kind: 'yaml', source, text: source === '-' ? await io.readStdin() : await readText(source, io) };
}

async function readText(path: string, io: CliIo): Promise<string> {
  try {
    if (/^https?:\/\//.test(path)) return await download(path);
    return await readFile(resolve(io.cwd, path), 'utf8');
  } catch (error) {
    throw new AppError({ code: 'usage', message: `${path} cannot be read`, reason: reasonOf(error) }, error);
  }
}

/** Values are some kilobytes; whatever takes longer or is larger is something else. */
async function download(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`The server answered ${response.status} ${response.statusText}`);
  return await response.text();
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  // fetch tells what happened in the cause only.
  return cause instanceof Error ? cause.message : message;
}

function checked(flag: string, expression: string): string {
  // `--set-json` also takes a whole object.
  if (expression.includes('=') || (flag === 'set-json' && expression.startsWith('{'))) return expression;
  throw new AppError({
    code: 'usage',
    message: `--${flag} ${expression} has no =`,
    remedies: [{ label: `Write it as --${flag} key=value` }],
  });
}
