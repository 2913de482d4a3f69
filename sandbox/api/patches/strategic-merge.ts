import { isRecord } from '../../store/objects.ts';
import { listMergeAt } from './merge-keys.ts';

type Fields = Readonly<Record<string, unknown>>;

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/** A strategic merge patch: like a merge patch, but lists of named things are merged by name. Directives begin with `$`. */
export function applyStrategicPatch(current: unknown, patch: unknown, path: readonly string[] = []): unknown {
  if (!isRecord(patch)) return patch;
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  if (patch['$patch'] === 'delete') return {};
  const result: Record<string, unknown> = isRecord(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) removePrimitives(result, key.slice(deletePrefix.length), value);
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else if (Array.isArray(value)) result[key] = mergeList(result[key], value, [...path, key]);
    else result[key] = isRecord(value) ? applyStrategicPatch(result[key], value, [...path, key]) : value;
  }
  for (const [key, order] of Object.entries(patch)) {
    const name = key.startsWith(orderPrefix) ? key.slice(orderPrefix.length) : undefined;
    if (name !== undefined && Array.isArray(order) && Array.isArray(result[name]))
      result[name] = inOrder(result[name], order, [...path, name]);
  }
  const retained = patch['$retainKeys'];
  if (!Array.isArray(retained)) return result;
  return Object.fromEntries(Object.entries(result).filter(([key]) => retained.includes(key)));
}

function mergeList(current: unknown, patch: readonly unknown[], path: readonly string[]): readonly unknown[] {
  const items: readonly unknown[] = Array.isArray(current) ? current : [];
  const merge = listMergeAt(path);
  if (merge.kind === 'set') return [...new Set([...items, ...patch])];
  if (merge.kind === 'atomic' || patch.some((item) => isRecord(item) && item['$patch'] === 'replace' && !(merge.keys[0] in item)))
    return patch.filter((item) => !(isRecord(item) && '$patch' in item)).map(withoutDirectives);
  const [key] = merge.keys;
  return patch.reduce<readonly unknown[]>((list, item) => {
    if (!isRecord(item)) return [...list, item];
    const index = list.findIndex((other) => isRecord(other) && other[key] === item[key]);
    if (item['$patch'] === 'delete') return list.filter((_, at) => at !== index);
    const merged = applyStrategicPatch(index === -1 ? {} : list[index], item, path);
    return index === -1 ? [...list, merged] : list.with(index, merged);
  }, items);
}

/** What the order does not name comes last. */
function inOrder(items: readonly unknown[], order: readonly unknown[], path: readonly string[]): readonly unknown[] {
  const merge = listMergeAt(path);
  const idOf = (item: unknown) => (merge.kind === 'map' && isRecord(item) ? item[merge.keys[0]] : item);
  const wanted = order.map(idOf);
  const rank = (item: unknown) => {
    const at = wanted.indexOf(idOf(item));
    return at === -1 ? wanted.length : at;
  };
  return items.toSorted((a, b) => rank(a) - rank(b));
}

function removePrimitives(result: Record<string, unknown>, name: string, values: unknown): void {
  const list = result[name];
  if (Array.isArray(list) && Array.isArray(values)) result[name] = list.filter((item) => !values.includes(item));
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isRecord(value)) return value;
  const kept: Fields = Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')));
  return Object.fromEntries(Object.entries(kept).map(([key, child]) => [key, withoutDirectives(child)]));
}
