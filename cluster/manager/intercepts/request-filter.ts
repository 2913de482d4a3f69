import type { InterceptSpec } from '#protocol/cluster/generated/manager_pb.js';

/** Which requests an intercept takes: all of a port, or those that have every header and fit the path. */
export type RequestFilter =
  | { readonly kind: 'everything' }
  | { readonly kind: 'requests'; readonly headers: ReadonlyMap<string, string>; readonly path: PathFilter | undefined };

interface PathFilter {
  readonly kind: 'equal' | 'prefix' | 'regex';
  readonly text: string;
}

/** Of `mechanism_args`, named as the command line's flags: `--http-header=NAME=VALUE`, `--http-path-prefix=/api`. */
const headerArgument = /^--http-header=([^=:]+)[=:](.*)$/s;
const pathArgument = /^--http-path-(equal|prefix|regex)=(.*)$/s;

/** `tcp` takes everything; so does `http` without a filter. Arguments that are no filters have no say in who gets a request. */
export function requestFilterOf(spec: Pick<InterceptSpec, 'mechanism' | 'mechanismArgs'>): RequestFilter {
  if (spec.mechanism === 'tcp') return { kind: 'everything' };
  const headers = new Map<string, string>();
  let path: PathFilter | undefined;
  for (const argument of spec.mechanismArgs) {
    const [, name, value] = headerArgument.exec(argument) ?? [];
    if (name !== undefined && value !== undefined) headers.set(name.trim().toLowerCase(), value.trim());
    const [, kind, text] = pathArgument.exec(argument) ?? [];
    if (kind !== undefined && text !== undefined) path = { kind: kind as PathFilter['kind'], text };
  }
  return headers.size === 0 && path === undefined ? { kind: 'everything' } : { kind: 'requests', headers, path };
}

/**
 * Whether two intercepts of one port cannot both be had, whichever came first:
 *
 * | | |
 * |---|---|
 * | one takes everything | conflict |
 * | headers of one are among those of the other | conflict where the paths overlap |
 * | a header of both has two values, or each has one that the other lacks | none; a request that fits both is the elder's |
 * | only one has headers | none: headers are looked at before paths |
 * | only paths | conflict where they overlap |
 */
export function areInConflict(a: RequestFilter, b: RequestFilter): boolean {
  if (a.kind === 'everything' || b.kind === 'everything') return true;
  if ((a.headers.size === 0) !== (b.headers.size === 0)) return false;
  if (!isSubset(a.headers, b.headers) && !isSubset(b.headers, a.headers)) return false;
  return a.path === undefined || b.path === undefined || canOverlap(a.path, b.path);
}

function isSubset(part: ReadonlyMap<string, string>, whole: ReadonlyMap<string, string>): boolean {
  return [...part].every(([name, value]) => whole.get(name) === value);
}

/** Whether one path can fit both. Two expressions are told apart by the text that they begin with, and overlap where that does not do it. */
function canOverlap(a: PathFilter, b: PathFilter): boolean {
  if (a.kind === 'equal') return fits(b, a.text);
  if (b.kind === 'equal') return fits(a, b.text);
  const [first, second] = [beginningOf(a), beginningOf(b)];
  return first.startsWith(second) || second.startsWith(first);
}

function fits(filter: PathFilter, path: string): boolean {
  switch (filter.kind) {
    case 'equal':
      return filter.text === path;
    case 'prefix':
      return path.startsWith(filter.text);
    case 'regex':
      // Run here, an expression of a stranger could hold up everybody: its beginning has to do.
      return path.startsWith(beginningOf(filter));
  }
}

/** What every path that fits begins with. */
function beginningOf({ kind, text }: PathFilter): string {
  if (kind !== 'regex') return text;
  if (!text.startsWith('^') || text.includes('|')) return '';
  const literal = /^\^([\w/-]*)/.exec(text)?.[1] ?? '';
  // A quantifier makes the last character optional.
  return /[?*{]/.test(text.charAt(literal.length + 1)) ? literal.slice(0, -1) : literal;
}
