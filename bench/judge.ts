import type { Finding, Way } from './measures/measure.ts';
import { median } from './programs/statistics.ts';

/** What a figure of ours should reach: `bar` is the demand, `goal` what comes after it. */
export interface Bar {
  readonly reach: 'at-least' | 'at-most';
  readonly bar: number;
  /** Absent: the same as the bar. */
  readonly goal?: number;
  /**
   * Times the figure of kubectl port-forward or of direct access, that many more than that of direct access, or than a round trip of this
   * run; otherwise in the finding's unit.
   */
  readonly relation?:
    | { readonly kind: 'times-pf' | 'times-direct' | 'above-direct' }
    | { readonly kind: 'above-round-trip'; readonly roundTrip: number };
}

export interface Judgement {
  readonly medians: Readonly<Partial<Record<Way, number>>>;
  /** Ours over that of kubectl port-forward, where both are there. */
  readonly ratio: number | undefined;
  readonly verdict: 'reaches-goal' | 'reaches-bar' | 'falls-short' | 'unknown';
}

export function judge(finding: Finding): Judgement {
  const medians: Partial<Record<Way, number>> = {};
  for (const way of ['ours', 'pf', 'direct'] as const) {
    const samples = finding.samples[way];
    if (samples !== undefined && samples.length > 0) medians[way] = median(samples);
  }
  const ratio =
    medians.ours === undefined || medians.pf === undefined || medians.pf === 0 ? undefined : medians.ours / medians.pf;
  return { medians, ratio, verdict: verdictOf(finding.bar, medians, ratio) };
}

function verdictOf(bar: Bar | undefined, medians: Judgement['medians'], ratio: number | undefined): Judgement['verdict'] {
  const { ours } = medians;
  if (bar === undefined || ours === undefined || Number.isNaN(ours)) return 'unknown';
  const { goal = bar.bar } = bar;
  const value = related(bar, ours, medians.direct, ratio);
  if (value === undefined || Number.isNaN(value)) return 'unknown';
  const reaches = (limit: number) => (bar.reach === 'at-least' ? value >= limit : value <= limit);
  if (!reaches(bar.bar)) return 'falls-short';
  return reaches(goal) ? 'reaches-goal' : 'reaches-bar';
}

function related({ relation }: Bar, ours: number, direct = Number.NaN, ratio: number | undefined): number | undefined {
  switch (relation?.kind) {
    case undefined:
      return ours;
    case 'times-pf':
      return ratio;
    case 'times-direct':
      return ours / direct;
    case 'above-direct':
      return ours - direct;
    case 'above-round-trip':
      return ours - relation.roundTrip;
  }
}
