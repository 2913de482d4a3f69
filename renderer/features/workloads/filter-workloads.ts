import type { Engagement } from '#protocol/local-api/model.ts';
import type { WorkloadRow } from '../../stores/workloads.ts';

export const workloadChips = ['engaged-mine', 'engaged-others', 'with-agent', 'not-ready'] as const;
export type WorkloadChip = (typeof workloadChips)[number];

export interface WorkloadFilter {
  readonly text: string;
  /** A row must fit all of them. */
  readonly chips: readonly WorkloadChip[];
  readonly namespace: string | undefined;
}

/** A workload with what this laptop does with it. */
export interface ShownWorkload extends WorkloadRow {
  readonly mine: Engagement | undefined;
  readonly others: WorkloadRow['workload']['interceptedBy'];
}

/** Joins workloads with the engagements of this laptop; rows that did not change stay the same objects, so that they are not drawn again. */
export function joinEngagements(
  rows: ReadonlyMap<string, WorkloadRow>,
  engagements: readonly Engagement[],
  before: ReadonlyMap<string, ShownWorkload>,
): ReadonlyMap<string, ShownWorkload> {
  const byTarget = new Map(engagements.map((engagement) => [`${engagement.workload}.${engagement.namespace}`, engagement]));
  const owners = new Set(engagements.map(({ owner }) => owner));
  const joined = new Map<string, ShownWorkload>();
  for (const [key, row] of rows) {
    const target = byTarget.get(`${row.workload.name}.${row.workload.namespace}`);
    const mine = target?.workloadKind === '' || target?.workloadKind === row.workload.kind ? target : undefined;
    const known = before.get(key);
    if (known !== undefined && known.workload === row.workload && known.details === row.details && known.mine === mine) {
      joined.set(key, known);
      continue;
    }
    const others = row.workload.interceptedBy.filter(({ owner }) => !owners.has(owner));
    joined.set(key, { ...row, mine, others });
  }
  return joined;
}

export function filterWorkloads(rows: Iterable<ShownWorkload>, filter: WorkloadFilter): readonly ShownWorkload[] {
  const words = filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found: ShownWorkload[] = [];
  for (const row of rows) {
    if (filter.namespace !== undefined && row.workload.namespace !== filter.namespace) continue;
    if (!filter.chips.every((chip) => fitsChip(row, chip))) continue;
    if (words.length > 0) {
      const text = searchText(row);
      if (!words.every((word) => text.includes(word))) continue;
    }
    found.push(row);
  }
  return found;
}

export function fitsChip({ workload, details, mine, others }: ShownWorkload, chip: WorkloadChip): boolean {
  switch (chip) {
    case 'engaged-mine':
      return mine !== undefined;
    case 'engaged-others':
      return others.length > 0;
    case 'with-agent':
      return workload.agent !== 'none';
    case 'not-ready':
      return details === undefined ? workload.state !== 'available' : details.ready < details.desired;
    default:
      return chip satisfies never;
  }
}

const searchTexts = new WeakMap<ShownWorkload, string>();

function searchText(row: ShownWorkload): string {
  const known = searchTexts.get(row);
  if (known !== undefined) return known;
  const { workload, details, others } = row;
  const services = details?.services.map(({ name }) => name) ?? [];
  const text = [workload.name, workload.namespace, workload.kind, ...services, ...others.map(({ owner }) => owner)]
    .join(' ')
    .toLowerCase();
  searchTexts.set(row, text);
  return text;
}
