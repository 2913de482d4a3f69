import { isDeepStrictEqual } from 'node:util';
import { isRecord, type KubeObject, type ManagedFields, type NewObject } from '../../store/objects.ts';
import { StatusError } from '../../store/status-error.ts';
import { listMergeAt } from './merge-keys.ts';

/** Fields that somebody owns, as a tree: `f:NAME`, `k:{…}` for the item of a list, `v:…` for one of a set, `.` for an item itself. */
interface FieldTree {
  readonly [entry: string]: FieldTree;
}

export interface ApplyOptions {
  readonly manager: string;
  readonly isForced: boolean;
  readonly time: string;
}

/**
 * Server-side apply: what is applied is merged into what is there, and what this manager applied before and no longer does goes, unless
 * somebody else applies it. Only appliers own fields here; changes by other verbs are overwritten without a conflict.
 *
 * @throws StatusError 409 where another applier owns a field with another value
 */
export function applyServerSide(current: KubeObject | undefined, applied: NewObject, options: ApplyOptions): NewObject {
  const { managedFields: _ignored, ...metadata } = applied.metadata;
  const wanted = { ...applied, metadata };
  const tree = treeOf(owned(wanted), []);
  const entries = current?.metadata.managedFields ?? [];
  const isOwn = (entry: ManagedFields) => entry.manager === options.manager && entry.operation === 'Apply';
  const others = entries.filter((entry) => !isOwn(entry));
  const conflicts = others.flatMap((entry) =>
    conflictsOf(current, wanted, tree, entry.fieldsV1 as FieldTree, []).map((path) => ({ manager: entry.manager, path })),
  );
  if (conflicts.length > 0 && !options.isForced) throw conflict(conflicts);
  const kept = others
    .map((entry) => ({
      ...entry,
      fieldsV1: conflicts
        .filter(({ manager }) => manager === entry.manager)
        .reduce((fields, { path }) => withoutPath(fields, path), entry.fieldsV1 as FieldTree),
    }))
    .filter(({ fieldsV1 }) => Object.keys(fieldsV1).length > 0);
  const merged = current === undefined ? wanted : (merge(current, wanted, []) as KubeObject);
  const former = (entries.find(isOwn)?.fieldsV1 ?? {}) as FieldTree;
  const pruned = prune(
    merged,
    former,
    tree,
    kept.map(({ fieldsV1 }) => fieldsV1),
    [],
  ) as NewObject;
  const entry: ManagedFields = {
    manager: options.manager,
    operation: 'Apply',
    apiVersion: applied.apiVersion ?? current?.apiVersion ?? '',
    time: options.time,
    fieldsType: 'FieldsV1',
    fieldsV1: tree,
  };
  // The time of an apply that changes nothing stays as it was, so that nothing is written.
  const same = entries.find((known) => isOwn(known) && isDeepStrictEqual(known.fieldsV1, tree));
  return { ...pruned, metadata: { ...pruned.metadata, managedFields: [...kept, same ?? entry] } };
}

/** Names and versions say which object it is; nobody owns them. */
function owned({ apiVersion: _version, kind: _kind, metadata, ...rest }: NewObject): Readonly<Record<string, unknown>> {
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  const own = Object.fromEntries(
    Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(([, value]) => value !== undefined),
  );
  return Object.keys(own).length === 0 ? rest : { metadata: own, ...rest };
}

function treeOf(value: unknown, path: readonly string[]): FieldTree {
  if (isRecord(value))
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [`f:${key}`, treeOf(child, [...path, key])]));
  if (!Array.isArray(value)) return {};
  return Object.fromEntries(
    value.flatMap((item: unknown) => {
      const entry = entryOf(item, path);
      return entry === undefined ? [] : [[entry, isRecord(item) ? { '.': {}, ...treeOf(item, path) } : {}] as const];
    }),
  );
}

/** What names an item of a list that is merged; `undefined` for lists that are not. */
function entryOf(item: unknown, path: readonly string[]): string | undefined {
  const how = listMergeAt(path);
  if (how.kind === 'atomic') return undefined;
  if (how.kind === 'set' || !isRecord(item)) return `v:${JSON.stringify(item)}`;
  const keys = how.keys.map((key) => [key, item[key] ?? (key === 'protocol' ? 'TCP' : undefined)] as const);
  return `k:${JSON.stringify(Object.fromEntries(keys.filter(([, value]) => value !== undefined)))}`;
}

/** The part of a value that an entry of a tree names. */
function childOf(value: unknown, entry: string, path: readonly string[]): unknown {
  if (entry.startsWith('f:')) return isRecord(value) ? value[entry.slice(2)] : undefined;
  return Array.isArray(value) ? value.find((item) => entryOf(item, path) === entry) : undefined;
}

const below = (path: readonly string[], entry: string) => (entry.startsWith('f:') ? [...path, entry.slice(2)] : path);

function merge(current: unknown, applied: unknown, path: readonly string[]): unknown {
  if (isRecord(current) && isRecord(applied)) {
    const changed = Object.entries(applied).map(([key, value]) => [key, merge(current[key], value, [...path, key])]);
    return { ...current, ...(Object.fromEntries(changed) as Readonly<Record<string, unknown>>) };
  }
  if (!Array.isArray(current) || !Array.isArray(applied) || listMergeAt(path).kind === 'atomic') return applied;
  return applied.reduce<readonly unknown[]>((list, item) => {
    const index = list.findIndex((other) => entryOf(other, path) === entryOf(item, path));
    return index === -1 ? [...list, item] : list.with(index, merge(list[index], item, path));
  }, current);
}

/** Takes away what was applied before, is no longer, and nobody else applies. */
function prune(
  value: unknown,
  former: FieldTree,
  tree: FieldTree,
  others: readonly FieldTree[],
  path: readonly string[],
): unknown {
  return Object.entries(former).reduce((current, [entry, formerChild]) => {
    if (entry === '.') return current;
    const next = tree[entry];
    const otherChildren = others.flatMap((other) => other[entry] ?? []);
    const isWhole = Object.keys(formerChild).length === 0 || '.' in formerChild;
    if (isWhole && next === undefined && otherChildren.length === 0) return without(current, entry, path);
    const child = childOf(current, entry, path);
    if (typeof child !== 'object' || child === null) return current;
    return replaceChild(current, entry, path, prune(child, formerChild, next ?? {}, otherChildren, below(path, entry)));
  }, value);
}

function without(value: unknown, entry: string, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.filter((item) => entryOf(item, path) !== entry);
  if (!isRecord(value)) return value;
  const { [entry.slice(2)]: _gone, ...rest } = value;
  return rest;
}

function replaceChild(value: unknown, entry: string, path: readonly string[], child: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => (entryOf(item, path) === entry ? child : item));
  return isRecord(value) ? { ...value, [entry.slice(2)]: child } : value;
}

/** Paths of entries in both trees, whose value would change. */
function conflictsOf(
  current: unknown,
  applied: unknown,
  tree: FieldTree,
  other: FieldTree,
  path: readonly string[],
  entries: readonly string[] = [],
): readonly (readonly string[])[] {
  return Object.entries(tree).flatMap(([entry, child]) => {
    const theirs = other[entry];
    if (theirs === undefined || entry === '.') return [];
    const values = [current, applied].map((value) => childOf(value, entry, path));
    if (Object.keys(child).length === 0) return isDeepStrictEqual(values[0], values[1]) ? [] : [[...entries, entry]];
    return conflictsOf(values[0], values[1], child, theirs, below(path, entry), [...entries, entry]);
  });
}

function withoutPath(tree: FieldTree, [first = '', ...rest]: readonly string[]): FieldTree {
  const { [first]: child, ...others } = tree;
  if (child === undefined || rest.length === 0) return others;
  const smaller = withoutPath(child, rest);
  return Object.keys(smaller).length === 0 ? others : { ...others, [first]: smaller };
}

function conflict(conflicts: readonly { readonly manager: string; readonly path: readonly string[] }[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${JSON.stringify(manager)}`,
    field: path.map((entry) => (entry.startsWith('f:') ? `.${entry.slice(2)}` : `[${entry.slice(2)}]`)).join(''),
  }));
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`;
  const list = causes.map(({ message, field }) => `${message}: ${field}`).join('\n');
  return new StatusError(409, 'Conflict', `Apply failed with ${count}: ${list}`, { causes });
}
