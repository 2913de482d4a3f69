import type { LogLine } from '#protocol/local-api/log-api.ts';

const isoTime = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

/** A word near the beginning, alone or as `level=warn`, as most programs write it. */
const levelWord = /(?:^|[\s[|"'=:])(error|err|fatal|panic|critical|warn|warning|info|debug|trace|notice)(?=$|[\s\]|"':,])/i;
const levelWindow = 80;

const levels: Readonly<Record<string, LogLine['level']>> = {
  fatal: 'error',
  panic: 'error',
  critical: 'error',
  error: 'error',
  err: 'error',
  warn: 'warn',
  warning: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
};

/** pino's numbers. */
const numericLevels: Readonly<Record<number, LogLine['level']>> = {
  60: 'error',
  50: 'error',
  40: 'warn',
  30: 'info',
  20: 'debug',
  10: 'trace',
};

/** Members of a structured line that everybody has, and nobody reads. */
const quietMembers = new Set(['time', 'ts', 'timestamp', 'level', 'msg', 'message', 'pid', 'hostname', 'v', 'component']);

/** A line that is longer is cut. */
const maxTextCharacters = 16 * 1024;

/** One line of a log: with a time in front, one JSON object (as pino writes it), or text. */
export function parseLine(raw: string): LogLine {
  const stamped = isoTime.exec(raw);
  const time = stamped?.[1];
  const rest = stamped === null ? raw : raw.slice(stamped[0].length);
  const line = rest.startsWith('{') ? (parseStructured(rest) ?? plainLine(rest)) : plainLine(rest);
  const result = line.time === undefined && time !== undefined ? { time, ...line } : line;
  return result.text.length > maxTextCharacters ? { ...result, text: `${result.text.slice(0, maxTextCharacters)}…` } : result;
}

function plainLine(text: string): LogLine {
  const word = levelWord.exec(text.slice(0, levelWindow))?.[1];
  const level = word === undefined ? undefined : levels[word.toLowerCase()];
  return level === undefined ? { text } : { level, text };
}

function parseStructured(text: string): LogLine | undefined {
  let members: Readonly<Record<string, unknown>>;
  try {
    members = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const message = members['msg'] ?? members['message'];
  if (typeof message !== 'string') return undefined;
  const time = timeOf(members['time'] ?? members['ts'] ?? members['timestamp']);
  const level = levelOf(members['level']);
  const component = members['component'];
  const fields = Object.entries(members).flatMap(([name, value]) =>
    quietMembers.has(name) ? [] : [` ${name}=${valueText(value)}`],
  );
  return {
    ...(time === undefined ? {} : { time }),
    ...(level === undefined ? {} : { level }),
    text: `${typeof component === 'string' ? `${component}: ` : ''}${message}${fields.join('')}`,
  };
}

function timeOf(value: unknown): string | undefined {
  if (typeof value === 'string') return isoTime.test(value) ? value : undefined;
  if (typeof value !== 'number') return undefined;
  // Seconds, as some write it, or milliseconds, as pino does.
  const date = new Date(value < 1e11 ? value * 1_000 : value);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function levelOf(value: unknown): LogLine['level'] {
  if (typeof value === 'string') return levels[value.toLowerCase()];
  return typeof value === 'number' ? numericLevels[value] : undefined;
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value) ?? 'undefined';
}
