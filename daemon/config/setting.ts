import { formatCidr, parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';
import { formatDuration, parseDuration } from './duration.ts';

/** One key of the configuration: how its value is read, and how it is shown again. */
export interface Setting<Value> {
  readonly initial: Value;
  /** @throws SettingError for a value that does not fit. */
  parse(value: unknown): Value;
  /** As it would be written in the file. */
  show(value: Value): unknown;
  /** Values of several sources are joined instead of the highest one winning. */
  readonly isUnion?: boolean;
}

/** Why a value does not fit, in words that follow "dns.lookupTimeout: ". */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

export function text(initial: string | undefined, pattern = /^\S.*$/, expected = 'a text'): Setting<string | undefined> {
  return {
    initial,
    parse: (value) => {
      if (typeof value !== 'string' || !pattern.test(value)) throw unfit(value, expected);
      return value;
    },
    show: same,
  };
}

export function requiredText(initial: string, pattern?: RegExp, expected?: string): Setting<string> {
  const optional = text(initial, pattern, expected);
  return { initial, parse: (value) => optional.parse(value) ?? initial, show: same };
}

export function flag(initial: boolean): Setting<boolean> {
  return {
    initial,
    parse: (value) => {
      if (typeof value !== 'boolean') throw unfit(value, 'true or false');
      return value;
    },
    show: same,
  };
}

export function choice<const Choice extends string>(choices: readonly Choice[], initial: Choice): Setting<Choice> {
  return {
    initial,
    parse: (value) => {
      const found = choices.find((candidate) => candidate === value);
      if (found === undefined) throw unfit(value, `one of ${choices.join(', ')}`);
      return found;
    },
    show: same,
  };
}

/** Milliseconds. @param maxMs longest that makes sense; unlimited by default. */
export function duration(initial: string, maxMs = Number.POSITIVE_INFINITY): Setting<number> {
  const parse = (value: unknown): number => {
    const parsed = typeof value === 'string' || typeof value === 'number' ? parseDuration(value) : undefined;
    if (parsed === undefined) throw unfit(value, 'a duration such as 500ms, 4s or 1h30m');
    if (parsed > maxMs) throw unfit(value, `at most ${formatDuration(maxMs)}`);
    return parsed;
  };
  return { initial: parse(initial), parse, show: formatDuration };
}

/** Bytes, plainly or with a unit: `4194304`, `4Mi`, `10M`. */
export function byteSize(initial: string): Setting<number> {
  const units: Readonly<Record<string, number>> = {
    '': 1,
    k: 1e3,
    K: 1e3,
    M: 1e6,
    G: 1e9,
    Ki: 2 ** 10,
    Mi: 2 ** 20,
    Gi: 2 ** 30,
  };
  const parse = (value: unknown): number => {
    const match = /^(?<count>[0-9]+(?:\.[0-9]+)?)(?<unit>k|K|M|G|Ki|Mi|Gi|)$/.exec(
      typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
    );
    const bytes = Number(match?.groups?.['count']) * (units[match?.groups?.['unit'] ?? ''] ?? Number.NaN);
    if (!Number.isSafeInteger(bytes)) throw unfit(value, 'a size such as 4Mi');
    return bytes;
  };
  const show = (bytes: number) => (bytes % 2 ** 20 === 0 && bytes > 0 ? `${bytes / 2 ** 20}Mi` : bytes);
  return { initial: parse(initial), parse, show };
}

/** A list; a single value stands for a list of one, and nothing for an empty one. */
export function list<Item>(
  parseItem: (value: unknown) => Item,
  showItem: (item: Item) => unknown = same,
  options: { initial?: readonly Item[]; isUnion?: boolean } = {},
): Setting<readonly Item[]> {
  return {
    initial: options.initial ?? [],
    parse: (value) => (value === null ? [] : Array.isArray(value) ? value : [value]).map(parseItem),
    show: (items) => items.map(showItem),
    ...(options.isUnion === undefined ? {} : { isUnion: options.isUnion }),
  };
}

export function subnet(initial: string): Setting<string> {
  return { initial, parse: parseSubnet, show: same };
}

export function subnets({ isUnion = false } = {}): Setting<readonly string[]> {
  return list(parseSubnet, same, { isUnion });
}

/** In canonical form. */
function parseSubnet(value: unknown): string {
  const parsed = typeof value === 'string' ? parseCidr(value) : undefined;
  if (parsed === undefined) throw unfit(value, 'a subnet such as 10.0.0.0/16');
  return formatCidr(parsed);
}

export function parseAddress(value: unknown): string {
  if (typeof value !== 'string' || parseIp(value) === undefined) throw unfit(value, 'an IP address');
  return value;
}

/** A DNS name, a suffix (`.com`) or a namespace. */
export function parseName(value: unknown): string {
  if (typeof value !== 'string' || !/^\.?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/.test(value))
    throw unfit(value, 'a DNS name');
  return value;
}

export function unfit(value: unknown, expected: string): SettingError {
  return new SettingError(`expected ${expected}, found ${JSON.stringify(value) ?? 'nothing'}`);
}

function same<Value>(value: Value): Value {
  return value;
}
