import type * as z from 'zod/mini';
import { type ChartValues, chartValues } from './values.ts';

/** One thing that is wrong with values. */
export interface ValuesProblem {
  /** As in `--set`: `image.tag`, `tolerations[0]`. */
  readonly path: string;
  readonly message: string;
}

export type CheckedValues =
  | { readonly kind: 'valid'; readonly values: ChartValues }
  | { readonly kind: 'invalid'; readonly problems: readonly ValuesProblem[] };

/** Fills in the defaults and says everything that does not fit. `null` stands for the default, as it does for Helm. */
export function checkValues(input: unknown): CheckedValues {
  const result = chartValues.safeParse(withoutNulls(input));
  if (result.success) return { kind: 'valid', values: result.data };
  return { kind: 'invalid', problems: result.error.issues.flatMap((issue) => describe(issue, input)) };
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => (child === null ? [] : [[key, withoutNulls(child)]])),
  );
}

function describe(issue: z.core.$ZodIssue, input: unknown): ValuesProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const hint = near === undefined ? '' : `; did you mean ${pathText([...issue.path, near])}?`;
      return { path: pathText([...issue.path, key]), message: `is not a value of this chart${hint}` };
    });
  }
  const path = pathText(issue.path);
  const found = JSON.stringify(valueAt(input, issue.path)) ?? 'nothing';
  return [{ path, message: `${expectation(issue)}, found ${found.length > 80 ? `${found.slice(0, 77)}…` : found}` }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeWords[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `expected ${JSON.stringify(issue.values[0])}`
        : `expected one of ${issue.values.join(', ')}`;
    case 'too_small':
      return typeof issue.minimum === 'number' && issue.origin === 'string'
        ? 'expected a text that is not empty'
        : `expected at least ${issue.minimum}`;
    case 'too_big':
      return `expected at most ${issue.maximum}`;
    case 'invalid_union':
      return 'expected a text or a number';
    default:
      return issue.message;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  record: 'a map',
  object: 'a map',
};

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const key = String(part).replaceAll('.', '\\.');
    return text === '' ? key : `${text}.${key}`;
  }, '');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | null | undefined)?.[part], input);
}

/** Keys that the schema knows at a path. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: z.core.$ZodType | undefined = chartValues;
  for (const part of path) {
    const { shape, element }: Inner = innerOf(schema);
    schema = typeof part === 'number' ? element : shape?.[String(part)];
  }
  return Object.keys(innerOf(schema).shape ?? {});
}

interface Inner {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly element?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
}

/** The schema below what wraps it: default, prefault, optional. */
function innerOf(schema: z.core.$ZodType | undefined): Inner {
  let inner = schema?._zod.def as Inner | undefined;
  while (inner?.innerType !== undefined) inner = inner.innerType._zod.def as Inner;
  return inner ?? {};
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter((entry) => entry.distance <= Math.max(2, Math.floor(word.length / 3)))
    .toSorted((one, other) => one.distance - other.distance);
  return near[0]?.candidate;
}

/** Levenshtein's: insertions, deletions and replacements between two words. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [column, otherLetter] of [...other].entries()) {
      next.push(
        Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === otherLetter ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
