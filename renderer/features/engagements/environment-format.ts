type Environment = Readonly<Record<string, string>>;

export const environmentFormats = ['dotenv', 'sh', 'json'] as const;
export type EnvironmentFormat = (typeof environmentFormats)[number];

/** The variables, sorted, as a text of that format. */
export function formatEnvironment(environment: Environment, format: EnvironmentFormat): string {
  const entries = Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1));
  switch (format) {
    case 'dotenv':
      return lines(entries.map(([name, value]) => `${name}=${dotenvValue(value)}`));
    case 'sh':
      // What is no name for a shell could not be set by it.
      return lines(
        entries.filter(([name]) => /^[A-Za-z_]\w*$/.test(name)).map(([name, value]) => `export ${name}=${shellValue(value)}`),
      );
    case 'json':
      return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
    default:
      return format satisfies never;
  }
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

function dotenvValue(value: string): string {
  if (/^[\w./:@%+,=?&-]*$/.test(value)) return value;
  // Single quotes are taken as they are by all who read such files.
  if (!/['\n\r]/.test(value)) return `'${value}'`;
  const escaped = value
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('$', '\\$')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
  return `"${escaped}"`;
}

function shellValue(value: string): string {
  return /^[\w./:@%+,=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
