const unitsMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go and Helm charts write them (`30s`, `1h30m`, `500ms`, `0`); `undefined` for anything else. */
export function parseGoDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g))
    totalMs += Number(count) * (unitsMs[unit ?? ''] ?? 0);
  return totalMs;
}
