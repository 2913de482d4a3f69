import type { HealthCondition } from '#protocol/local-api/model.ts';

/** Causes only, worst first, oldest first among equals. */
export function problemsOf(health: Readonly<Record<string, HealthCondition>>): readonly HealthCondition[] {
  const all = Object.values(health);
  const codes = new Set(all.map(({ code }) => code));
  const rank = ({ severity }: HealthCondition) => (severity === 'error' ? 0 : 1);
  return all
    .filter(({ dependsOn }) => !dependsOn.some((code) => codes.has(code)))
    .toSorted((a, b) => rank(a) - rank(b) || a.since.localeCompare(b.since));
}
