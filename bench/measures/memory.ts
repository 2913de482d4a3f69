import { setTimeout as sleep } from 'node:timers/promises';
import { describeProcesses, managerPids, PeakMemory, productPids, proportionalMib, residentMib } from '../bed/resident-memory.ts';
import type { Bench, Finding } from './measure.ts';

const parts = [
  {
    title: 'laptop, all processes',
    pids: async ({ bed }: Bench) => await productPids(bed.laptop),
    bars: { idle: [140, 110], after: [200, 150], peak: [260, 200] },
  },
  {
    title: 'traffic-manager',
    pids: async ({ bed }: Bench) => await managerPids(bed.cluster),
    bars: { idle: [75, 55], after: [110, 75], peak: [160, 110] },
  },
] as const;

export interface LoadsDone {
  readonly done: number;
  /** How many there would be without a filter or a time limit. */
  readonly known: number;
}

/** Memory of both ends: connected and idle, at the most while `loads` run, and after them. */
export async function aroundLoads(bench: Bench, loads: () => Promise<LoadsDone>): Promise<readonly Finding[]> {
  // The daemon returns memory when it has rested for two seconds.
  const settleMs = bench.options.isQuick ? 4_000 : 5_000;
  await bench.bed.prepare('ours');
  await sleep(settleMs);
  const watched = await Promise.all(
    parts.map(async (part) => {
      const pids = await part.pids(bench);
      const [names, idle, shared] = [await describeProcesses(pids), await residentMib(pids), await proportionalMib(pids)];
      const remark = `resident, ${names}${shared === undefined ? '' : `; ${shared.toFixed(0)} MiB with shared pages divided`}`;
      return { part, pids, remark, idle, peak: new PeakMemory(pids) };
    }),
  );
  for (const { peak } of watched) peak.start();
  const { done, known } = await loads();
  const hasLoaded = done > 0;
  const note = done === known ? undefined : `after ${done} of ${known} loads only`;
  const peaks = watched.map(({ peak }) => peak.stop());
  if (hasLoaded) await sleep(settleMs);
  const findings: Finding[] = [];
  for (const [index, { part, pids, remark: idleRemark, idle }] of watched.entries()) {
    const add = (state: keyof typeof part.bars, words: string, mib: number, remark: string | undefined) => {
      const [bar, goal] = part.bars[state];
      findings.push({
        title: `memory of ${part.title}, ${words}`,
        unit: 'MiB',
        samples: { ours: [mib] },
        bar: { reach: 'at-most', bar, goal },
        ...(remark === undefined ? {} : { note: remark }),
      });
    };
    if (pids.length === 0) continue;
    add('idle', 'connected and idle', idle, idleRemark);
    if (!hasLoaded) continue;
    try {
      add('after', 'after the loads', await residentMib(pids), note);
    } catch (error) {
      add('after', 'after the loads', Number.NaN, error instanceof Error ? error.message : String(error));
    }
    add('peak', 'peak', peaks[index] ?? Number.NaN, note);
  }
  return findings;
}
