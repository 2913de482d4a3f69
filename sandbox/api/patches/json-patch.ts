import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../../store/objects.ts';
import { badRequest, StatusError } from '../../store/status-error.ts';

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** RFC 6902. @throws StatusError where an operation does not fit the document */
export function applyJsonPatch<T>(document: T, operations: readonly JsonPatchOperation[]): T {
  let current: unknown = structuredClone(document);
  for (const operation of operations) current = applyOne(current, operation);
  return current as T;
}

/** RFC 7386. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = applyMergePatch(result[key], value);
  }
  return result;
}

function applyOne(document: unknown, operation: JsonPatchOperation): unknown {
  const path = pointer(operation.path);
  switch (operation.op) {
    case 'add':
      return change(document, path, () => structuredClone(operation.value), 'add');
    case 'replace':
      valueAt(document, path);
      return change(document, path, () => structuredClone(operation.value), 'replace');
    case 'remove':
      valueAt(document, path);
      return change(document, path, () => undefined, 'remove');
    case 'copy':
      return change(document, path, () => structuredClone(valueAt(document, pointer(operation.from ?? ''))), 'add');
    case 'move': {
      const from = pointer(operation.from ?? '');
      const moved = valueAt(document, from);
      return change(
        change(document, from, () => undefined, 'remove'),
        path,
        () => moved,
        'add',
      );
    }
    case 'test':
      if (isDeepStrictEqual(valueAt(document, path), operation.value)) return document;
      throw new StatusError(
        422,
        'Invalid',
        `the server rejected our request due to an error in our request: testing ${operation.path} failed`,
      );
    default:
      throw badRequest(`unknown JSON patch operation ${String(operation.op)}`);
  }
}

/** The document is ours alone: it was cloned. */
function change(document: unknown, path: readonly string[], value: () => unknown, how: 'add' | 'replace' | 'remove'): unknown {
  const last = path.at(-1);
  if (last === undefined) return value();
  const parent = valueAt(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!Number.isInteger(index) || index < 0 || index > parent.length) throw missing(path);
    if (how === 'add') parent.splice(index, 0, value());
    else if (how === 'remove') parent.splice(index, 1);
    else parent[index] = value();
  } else if (isRecord(parent)) {
    const record = parent as Record<string, unknown>;
    if (how === 'remove') delete record[last];
    else record[last] = value();
  } else {
    throw missing(path);
  }
  return document;
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  let current = document;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) throw missing(path);
    current = (current as Readonly<Record<string, unknown>>)[part];
  }
  return current;
}

function pointer(text: string): readonly string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw badRequest(`invalid JSON pointer ${JSON.stringify(text)}`);
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function missing(path: readonly string[]): StatusError {
  return new StatusError(422, 'Invalid', `the server rejected our request: there is nothing at /${path.join('/')}`);
}
