/** One setting as it is in effect. */
export interface ConfigSetting {
  /** `timeouts.helm`. */
  readonly path: string;
  readonly group: string;
  /** Undefined: not set. */
  readonly value: unknown;
  readonly source: string;
}

/** How a value is typed in. */
export type ValueForm = 'switch' | 'level' | 'text' | 'list' | 'json';

/** Every setting that there is, in the daemon's order. */
export function settingsOf(
  config: Readonly<Record<string, unknown>>,
  sources: Readonly<Record<string, string>>,
): readonly ConfigSetting[] {
  return Object.entries(sources).map(([path, source]) => {
    const [group = '', key = ''] = path.split('.');
    const members = config[group];
    const value =
      typeof members === 'object' && members !== null ? (members as Readonly<Record<string, unknown>>)[key] : undefined;
    return { path, group, value, source };
  });
}

export function formOf({ group, value }: ConfigSetting): ValueForm {
  if (typeof value === 'boolean') return 'switch';
  if (group === 'logLevels') return 'level';
  if (!Array.isArray(value)) return typeof value === 'object' && value !== null ? 'json' : 'text';
  // An empty list may be meant for either: names are what most are of.
  return value.some((member) => typeof member === 'object') ? 'json' : 'list';
}

/** As it stands in a field. */
export function editText(value: unknown, form: ValueForm): string {
  if (value === undefined) return '';
  if (form === 'json') return JSON.stringify(value);
  if (form === 'list' && Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What was typed in, or undefined where it is not JSON. Whether it fits is the daemon's to say. */
export function parseEdit(text: string, form: ValueForm): { readonly value: unknown } | undefined {
  const trimmed = text.trim();
  if (form === 'switch') return { value: trimmed === 'true' };
  // A list of objects, such as the mappings of DNS, has no other way to be typed in.
  if (form === 'json' || (form === 'list' && /^\[\s*[{"[\]]/.test(trimmed))) {
    try {
      return { value: JSON.parse(trimmed) as unknown };
    } catch {
      return undefined;
    }
  }
  if (form === 'list')
    return {
      value: trimmed
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    };
  return { value: trimmed };
}
