import { type Bar, type Judgement, judge } from './judge.ts';
import type { Finding } from './measures/measure.ts';

const columns = { title: 46, figure: 9 } as const;

/** One line for people who watch. */
export function line(finding: Finding): string {
  const { medians, ratio, verdict } = judge(finding);
  const figures = (['ours', 'pf', 'direct'] as const)
    .filter((way) => finding.samples[way] !== undefined)
    .map((way) => `${way} ${figure(medians[way]).padStart(columns.figure)}`)
    .join('  ');
  const parts = [
    `${finding.title.padEnd(columns.title)} ${figures} ${finding.unit}`,
    ratio === undefined ? undefined : `${figure(ratio)} × pf`,
    finding.bar === undefined ? undefined : `bar ${barText(finding.bar, finding.bar.bar)}`,
    verdict === 'falls-short' ? 'falls short of its bar' : undefined,
    isNotMeasured(finding, verdict) ? 'not judged' : undefined,
    finding.note === undefined ? undefined : `(${finding.note})`,
  ];
  return parts.filter((part) => part !== undefined).join('   ');
}

/** All of it as a Markdown table. */
export function markdownTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => {
    const { medians, ratio, verdict } = judge(finding);
    const { bar } = finding;
    const cells = [
      `${finding.title}${finding.unit === '' ? '' : `, ${finding.unit}`}`,
      figure(medians.ours),
      figure(medians.pf),
      figure(medians.direct),
      ratio === undefined ? '–' : `${figure(ratio)} ×`,
      bar === undefined ? '–' : barText(bar, bar.bar),
      bar === undefined ? '–' : barText(bar, bar.goal ?? bar.bar),
      {
        'reaches-goal': 'reaches its goal',
        'reaches-bar': 'reaches its bar',
        'falls-short': '**falls short of its bar**',
        unknown: isNotMeasured(finding, verdict) ? 'not judged' : '–',
      }[verdict],
      (finding.note ?? '').replaceAll('|', '\\|').replaceAll('\n', ' '),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| Measure (medians) | ours | pf | direct | ours / pf | bar | then | | |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** Three digits that mean something. */
export function figure(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return String(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** There is a bar and a way of ours, and yet no figure to hold against it: that must not look like a bar that is reached. */
function isNotMeasured(finding: Finding, verdict: Judgement['verdict']): boolean {
  return verdict === 'unknown' && finding.bar !== undefined && finding.samples.ours !== undefined;
}

function barText({ reach, relation }: Bar, limit: number): string {
  const sign = reach === 'at-least' ? '≥' : '≤';
  if (relation?.kind === 'times-pf') return `${sign} ${limit} × pf`;
  if (relation?.kind === 'times-direct') return `${sign} ${limit} × direct`;
  if (relation?.kind === 'above-direct') return `${sign} direct + ${limit}`;
  if (relation?.kind === 'above-round-trip') return `${sign} ${figure(relation.roundTrip + limit)} (round trip + ${limit})`;
  return `${sign} ${limit}`;
}
