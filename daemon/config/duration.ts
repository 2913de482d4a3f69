const unitMs = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const lengths: Readonly<Record<string, number>> = { ...Object.fromEntries(unitMs), us: 1e-3, µs: 1e-3, ns: 1e-6 };

/**
 * Reads `4s`, `500ms`, `1h30m`, `1.5s`; a bare number is seconds, and zero needs no unit.
 *
 * @returns milliseconds; `undefined` for anything else, negative lengths among it.
 */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value * 1000 : undefined;
  if (/^[0-9]+(\.[0-9]+)?$/.test(value)) return Number(value) * 1000;
  if (!/^([0-9]+(\.[0-9]+)?(ms|us|µs|ns|h|m|s))+$/.test(value)) return undefined;
  let ms = 0;
  for (const [, count, unit] of value.matchAll(/([0-9.]+)(ms|us|µs|ns|h|m|s)/g)) ms += Number(count) * (lengths[unit ?? ''] ?? 0);
  return ms;
}

/** The shortest usual text: `1h30m`, `4s`, `500ms`, `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = '';
  for (const [unit, length] of unitMs) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
