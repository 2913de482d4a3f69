import { AppError } from '#protocol/errors/app-error.ts';

/** Collects a repeatable flag. */
export function collectList(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Collects a repeatable flag whose values may also be joined by commas. */
export function collectCommaList(value: string, before: readonly string[] = []): string[] {
  return [
    ...before,
    ...value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  ];
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads `30m`, `1h30m`, `1.5s`, `250ms`, or `0`. */
export function parseDurationMs(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new AppError({
      code: 'usage',
      message: `"${text}" is not a duration`,
      remedies: [{ label: 'Write it like 30m, 1h30m or 10s' }],
    });
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ''] ?? 0), 0);
}
