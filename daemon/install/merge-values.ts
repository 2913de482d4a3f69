import { parse } from 'yaml';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { type Assignment, parseSetExpression, parseSetFileKey } from './set-expression.ts';

/** Values as a person gave them: what the chart's defaults are under. */
export type GivenValues = Readonly<Record<string, unknown>>;

/**
 * Values files and `--set` forms, on top of each other: maps are joined, all else is replaced by what comes later.
 *
 * @throws AppError `install.values-invalid` for text that is no YAML map, and for expressions that cannot be read.
 */
export function mergeGivenValues(base: GivenValues, sources: CallInput<'lintValues'>['values']): GivenValues {
  return sources.reduce<GivenValues>((values, source) => {
    if (source.kind === 'yaml') return mergeMaps(values, readYaml(source.source, source.text));
    const assignments =
      source.kind === 'set-file'
        ? [{ path: parseSetFileKey(source.expression), value: source.text }]
        : parseSetExpression(source.kind, source.expression);
    return assignments.reduce((result, assignment) => assign(result, assignment), values);
  }, base);
}

/** Maps are joined key by key; anything else of `over` replaces what `under` has. */
export function mergeMaps(under: GivenValues, over: GivenValues): GivenValues {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const former = own(merged, key);
    define(merged, key, isMap(former) && isMap(value) ? mergeMaps(former, value) : value);
  }
  return merged;
}

function readYaml(source: string, text: string): GivenValues {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new AppError({ code: 'install.values-invalid', message: `The values in ${source} are not YAML`, reason }, error);
  }
  // An empty file, or one with comments only.
  if (document === null || document === undefined) return {};
  if (isMap(document)) return document;
  throw new AppError({
    code: 'install.values-invalid',
    message: `The values in ${source} are not a map`,
    reason: 'A values file has lines such as "logLevel: debug"',
  });
}

function assign(values: GivenValues, { path, value }: Assignment): GivenValues {
  return place(values, path, value) as GivenValues;
}

/** A copy of `target` in which `value` is at the path; what is in the way is replaced. */
function place(target: unknown, path: Assignment['path'], value: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  if (typeof part === 'number') {
    const list: unknown[] = Array.isArray(target) ? [...(target as unknown[])] : [];
    while (list.length <= part) list.push(null);
    list[part] = place(list[part], rest, value);
    return list;
  }
  const map = isMap(target) ? { ...target } : {};
  define(map, part, place(own(map, part), rest, value));
  return map;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Not what every object inherits: a key may be called `constructor`. */
function own(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** An assignment to `__proto__` would change the object's prototype instead. */
function define(map: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}
