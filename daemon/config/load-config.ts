import { parseDocument } from 'yaml';
import { readIfThere } from '#base/node/text-file.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ClientConfig, configSchema, formerKeys, unusedKeys } from './schema.ts';
import { type Setting, SettingError } from './setting.ts';

export interface ConfigInputs {
  /** Absent file: no values. */
  readonly configFile: string;
  /** What the traffic-manager hands to its clients. */
  readonly pushedYaml?: string | undefined;
  /** `extension` of the entry `telepresence.io` of the kubeconfig's cluster. */
  readonly kubeconfigExtension?: unknown;
  /** Values from the command line, in the shape of the file. */
  readonly flags?: unknown;
}

export interface LoadedConfig {
  readonly config: ClientConfig;
  /** Where each value is from, by its path (`dns.lookupTimeout`): "built-in", "traffic-manager", the file's path, … joined by ", ". */
  readonly sources: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Values of one source. */
interface Layer {
  readonly source: string;
  readonly values: ReadonlyMap<string, unknown>;
}

/** Source of a value that nobody set. */
export const builtIn = 'built-in';

/**
 * The effective configuration. A value counts by being there, so that `false` and an empty list override, too; highest first: flags,
 * kubeconfig, file, traffic-manager, built-in. Lists of subnets to route or not to route are joined instead.
 *
 * @throws AppError `config.invalid` for a file or kubeconfig extension with a bad value. What the traffic-manager sends is somebody
 * else's to mend: there a bad value is a warning.
 */
export function loadConfig(inputs: ConfigInputs): LoadedConfig {
  const warnings: string[] = [];
  const fail = (source: string) => (path: string, reason: string) => {
    throw invalid(source, path, reason);
  };
  const warn = (source: string) => (path: string, reason: string) => {
    warnings.push(`${source}: ${path === '' ? '' : `${path}: `}${reason}; it is ignored`);
  };
  const read = (source: string, value: unknown, onProblem: ReturnType<typeof fail | typeof warn>): Layer => ({
    source,
    values: readLayer(source, value, warnings, onProblem),
  });
  const fileText = readConfig(inputs.configFile);
  const pushed = 'traffic-manager';
  const layers = [
    read('command line', inputs.flags, fail('The command line')),
    read('kubeconfig', inputs.kubeconfigExtension, fail('The extension telepresence.io of the kubeconfig')),
    read(inputs.configFile, parseYaml(fileText, fail(inputs.configFile)), fail(inputs.configFile)),
    read(pushed, parseYaml(inputs.pushedYaml, warn(pushed)), warn(pushed)),
  ];
  return { ...merge(layers), warnings };
}

/** The schema's groups and keys with the given values, as they would be written in the file. Keys without a value are left out. */
export function showConfig(config: ClientConfig): Record<string, Record<string, unknown>> {
  const shown: Record<string, Record<string, unknown>> = {};
  for (const { group, key, path, setting } of settings) {
    const value = valueAt(config, path);
    if (value !== undefined) (shown[group] ??= {})[key] = setting.show(value);
  }
  return shown;
}

const settings = Object.entries(configSchema).flatMap(([group, keys]) =>
  Object.entries(keys as Readonly<Record<string, unknown>>).map(([key, setting]) => ({
    group,
    key,
    path: `${group}.${key}`,
    setting: setting as Setting<unknown>,
  })),
);
const settingAt = new Map(settings.map(({ path, setting }) => [path, setting]));

function merge(layers: readonly Layer[]): { config: ClientConfig; sources: Record<string, string> } {
  const config: Record<string, Record<string, unknown>> = {};
  const sources: Record<string, string> = {};
  for (const { group, key, path, setting } of settings) {
    const setters = layers.filter(({ values }) => values.has(path));
    const values = setters.map((layer) => layer.values.get(path));
    (config[group] ??= {})[key] =
      setting.isUnion === true && values.length > 0
        ? union(values as unknown[][], setting)
        : values.length > 0
          ? values[0]
          : setting.initial;
    sources[path] =
      setters.length === 0
        ? builtIn
        : (setting.isUnion === true ? setters : setters.slice(0, 1)).map(({ source }) => source).join(', ');
  }
  return { config: config as ClientConfig, sources };
}

function union(lists: readonly (readonly unknown[])[], setting: Setting<unknown>): unknown[] {
  const byText = new Map<string, unknown>();
  for (const item of lists.flat()) byText.set(JSON.stringify(setting.show([item])), item);
  return [...byText.values()];
}

/** The values of a source by path, parsed; what it holds besides becomes warnings. */
function readLayer(
  source: string,
  value: unknown,
  warnings: string[],
  onProblem: (path: string, reason: string) => void,
): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [written, raw] of leaves(value, onProblem)) {
    const path = formerKeys[written] ?? written;
    const setting = settingAt.get(path);
    if (setting === undefined) {
      const isUnused = unusedKeys.some((unused) => (unused.endsWith('.') ? `${path}.`.startsWith(unused) : path === unused));
      warnings.push(isUnused ? `${source}: ${written} has no effect in this version` : `${source}: unknown key ${written}`);
      continue;
    }
    // "key:" with nothing behind it is a value that was left out.
    if (raw === null) continue;
    try {
      values.set(path, setting.parse(raw));
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      onProblem(written, error.message);
    }
  }
  return values;
}

/** Paths and values of a document: groups of two levels, and the top-level keys of old. */
function* leaves(value: unknown, onProblem: (path: string, reason: string) => void): Generator<[string, unknown]> {
  if (value === undefined || value === null) return;
  if (!isMap(value)) {
    onProblem('', 'expected groups of keys, found something else');
    return;
  }
  for (const [group, keys] of Object.entries(value)) {
    if (isMap(keys)) {
      for (const [key, leaf] of Object.entries(keys)) yield [`${group}.${key}`, leaf];
    } else if (!(group in configSchema)) {
      yield [group, keys];
    } else if (keys !== null) {
      onProblem(group, 'expected a group of keys');
    }
  }
}

function parseYaml(content: string | undefined, onProblem: (path: string, reason: string) => void): unknown {
  if (content === undefined) return undefined;
  const document = parseDocument(content);
  const [error] = document.errors;
  if (error === undefined) return document.toJS();
  onProblem('', error.message.split('\n')[0] ?? 'not YAML');
  return undefined;
}

function readConfig(path: string): string | undefined {
  try {
    return readIfThere(path);
  } catch (error) {
    throw invalid(path, '', AppError.from(error).message, error);
  }
}

function invalid(source: string, path: string, reason: string, cause?: unknown): AppError {
  const where = path === '' ? source : `${source}: ${path}`;
  return new AppError(
    {
      code: 'config.invalid',
      message: `${where} is not a valid configuration`,
      reason,
      context: { source, ...(path === '' ? {} : { key: path }) },
      remedies: [{ label: path === '' ? 'Correct the file' : `Correct or remove ${path}` }],
    },
    cause,
  );
}

function valueAt(config: ClientConfig, path: string): unknown {
  let value: unknown = config;
  for (const key of path.split('.')) value = isMap(value) ? value[key] : undefined;
  return value;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
