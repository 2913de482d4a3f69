import { assertNever } from '#base/common/assert-never.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { EnvSyntax } from '#protocol/local-api/env-syntaxes.ts';

export type Environment = Readonly<Record<string, string>>;

export interface EnvironmentText {
  readonly text: string;
  /** Variables whose names the syntax cannot express. */
  readonly leftOut: readonly string[];
}

/**
 * An environment as the text of a file, sorted by name.
 *
 * @throws AppError `engagement.environment` where the syntax has no way to write a value of several lines.
 */
export function environmentText(environment: Environment, syntax: EnvSyntax): EnvironmentText {
  const entries = Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));
  if (syntax === 'json') return { text: `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`, leftOut: [] };
  const isFit = ([name]: readonly [string, string]) => !needsIdentifiers(syntax) || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
  const lines = entries.filter(isFit).map(([name, value]) => `${line(syntax, name, value)}\n`);
  return { text: lines.join(''), leftOut: entries.filter((entry) => !isFit(entry)).map(([name]) => name) };
}

function line(syntax: Exclude<EnvSyntax, 'json'>, name: string, value: string): string {
  switch (syntax) {
    case 'docker':
      return `${name}=${oneLine(syntax, name, value)}`;
    case 'compose':
      return `${name}="${value
        .replaceAll(/[\\"$]/g, '\\$&')
        .replaceAll('\n', '\\n')
        .replaceAll('\r', '\\r')}"`;
    case 'sh':
      return `${name}=${shellQuoted(value)}`;
    case 'sh:export':
      return `export ${name}=${shellQuoted(value)}`;
    case 'csh':
      return `set ${name}=${cshQuoted(value)}`;
    case 'csh:export':
      return `setenv ${name} ${cshQuoted(value)}`;
    case 'cmd':
      // In a batch file a percent sign stands for itself only when it is doubled.
      return `set "${name}=${oneLine(syntax, name, value).replaceAll('%', '%%')}"`;
    case 'ps':
      return `\${${name}}=${powershellQuoted(value)}`;
    case 'ps:export':
      return `\${Env:${name}}=${powershellQuoted(value)}`;
    default:
      return assertNever(syntax);
  }
}

function needsIdentifiers(syntax: EnvSyntax): boolean {
  return syntax.startsWith('sh') || syntax.startsWith('csh');
}

function oneLine(syntax: EnvSyntax, name: string, value: string): string {
  if (!/[\r\n]/.test(value)) return value;
  throw new AppError({
    code: 'engagement.environment',
    message: `The variable ${name} has several lines, which the syntax "${syntax}" cannot express`,
    context: { variable: name, syntax },
    remedies: [{ label: 'Choose another syntax', command: '--env-syntax compose, sh, csh, ps or json' }],
  });
}

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Between single quotes a newline and a history mark still need a backslash. */
function cshQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`).replaceAll(/[!\n]/g, '\\$&')}'`;
}

/** The typographic quotes end a string, too. */
function powershellQuoted(value: string): string {
  return `'${value.replaceAll(/['‘’‚‛]/g, '$&$&')}'`;
}
