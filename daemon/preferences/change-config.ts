import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Document, isMap, parseDocument } from 'yaml';
import { readIfThere } from '#base/node/text-file.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { loadConfig } from '../config/load-config.ts';
import { configSchema, formerKeys } from '../config/schema.ts';
import { type Setting, SettingError } from '../config/setting.ts';

/**
 * Writes one value of the configuration file, or takes it out, and leaves everything else in it as it is, comments included.
 *
 * @throws AppError `usage` for a key that does not exist, `config.invalid` for a value that does not fit, or for a file that would be wrong all the same.
 */
export function changeConfig(file: string, path: string, value: unknown): void {
  const setting = settingAt(path);
  if (value !== undefined) checkValue(setting, path, value);
  const document = parseDocument(readIfThere(file) ?? '');
  for (const [former, current] of Object.entries(formerKeys)) if (current === path) remove(document, former.split('.'));
  const keys = path.split('.');
  if (value === undefined) remove(document, keys);
  else set(document, keys, value);
  write(file, document);
}

function settingAt(path: string): Setting<unknown> {
  const [group = '', key = '', ...more] = path.split('.');
  const keys = (configSchema as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[group];
  if (keys !== undefined && Object.hasOwn(keys, key) && more.length === 0) return keys[key] as Setting<unknown>;
  throw new AppError({
    code: 'usage',
    message: `There is no setting ${path}`,
    remedies: [{ label: 'See which there are', command: 'telepresence config view' }],
  });
}

function checkValue(setting: Setting<unknown>, path: string, value: unknown): void {
  try {
    setting.parse(value);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new AppError(
      { code: 'config.invalid', message: `${path} cannot be that`, reason: error.message, context: { key: path } },
      error,
    );
  }
}

function set(document: Document, [group = '', key = '']: readonly string[], value: unknown): void {
  // A group without keys, or a document of comments only, is no mapping yet.
  if (!isMap(document.contents)) document.contents = document.createNode({}) as Document['contents'];
  if (!isMap(document.get(group, true))) document.set(group, document.createNode({}));
  document.setIn([group, key], value);
}

function remove(document: Document, keys: readonly string[]): void {
  const [group = '', key] = keys;
  if (key === undefined) {
    document.delete(group);
    return;
  }
  const found = document.get(group, true);
  if (!isMap(found)) return;
  found.delete(key);
  if (found.items.length === 0) document.delete(group);
}

/** With the rights that the file has: it may be shared, or be meant for this user only. */
function write(file: string, document: Document): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const mode = (statSync(file, { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777;
  const { contents, commentBefore, comment } = document;
  const isEmpty = (contents === null || (isMap(contents) && contents.items.length === 0)) && !commentBefore && !comment;
  const fresh = `${file}.new`;
  writeFileSync(fresh, isEmpty ? '' : document.toString({ lineWidth: 0 }), { mode, flush: true });
  try {
    // A value in a file that does not count would mislead whoever set it.
    loadConfig({ configFile: fresh });
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    if (!(error instanceof AppError)) throw error;
    throw new AppError({ ...error.toData(), message: error.message.replaceAll(fresh, file), context: { source: file } }, error);
  }
}
