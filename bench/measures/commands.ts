import { once } from 'node:events';
import { managerFlags } from '../../e2e/support/product.ts';
import { killGroup } from '../../e2e/support/program.ts';
import { settings } from '../../e2e/support/settings.ts';
import type { BenchBed } from '../bed/bench-bed.ts';
import { productPids } from '../bed/resident-memory.ts';
import { median } from '../programs/statistics.ts';
import type { Bench, Finding, Measure } from './measure.ts';

const commandTimeoutMs = 60_000;

/** Milliseconds to the exit of a program on the laptop. Pipes that a daemon keeps open after it do not count. */
export async function timed(bed: BenchBed, argv: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const child = bed.laptop.spawn(argv);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  child.stdin?.end();
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), commandTimeoutMs);
  const [code] = (await once(child, 'exit')) as [number | null];
  const durationMs = performance.now() - startedAt;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code ?? 'a signal'}: ${output.trim()}`);
  return durationMs;
}

async function commands(bench: Bench): Promise<readonly Finding[]> {
  const { bed } = bench;
  const telepresence = async (...args: readonly string[]) => await timed(bed, [settings.product, ...args]);
  const connect = async () => await telepresence('connect', ...managerFlags());
  const ms = { bare: [], cold: [], coldCommand: [], warm: [], stop: [], status: [], version: [] } as Record<
    'bare' | 'cold' | 'coldCommand' | 'warm' | 'stop' | 'status' | 'version',
    number[]
  >;
  let lateAnswers = 0;
  let leftovers = 0;
  const rounds = bench.options.isQuick ? Math.min(3, bench.options.rounds) : bench.options.rounds;
  bed.forgetConnection();
  await telepresence('quit', '--stop-daemons');
  for (let round = 0; round < rounds; round += 1) {
    ms.bare.push(await timed(bed, ['true']));
    const startedAt = performance.now();
    ms.coldCommand.push(await connect());
    const { attempts } = await bed.answerFirstRequest();
    ms.cold.push(performance.now() - startedAt);
    if (attempts > 1) lateAnswers += 1;
    ms.status.push(await telepresence('status'));
    ms.version.push(await telepresence('version'));
    ms.status.push(await telepresence('status'));
    await telepresence('quit');
    ms.warm.push(await connect());
    await bed.answerFirstRequest();
    ms.stop.push(await telepresence('quit', '--stop-daemons'));
    if ((await productPids(bed.laptop)).length > 0) leftovers += 1;
    bed.forgetConnection();
  }
  const seconds = (list: readonly number[]) => list.map((value) => value / 1000);
  const harness = `${rounds} times; ${median(ms.bare).toFixed(0)} ms are the harness's own`;
  const late = lateAnswers === 0 ? '' : `; ${lateAnswers} times the first request was not answered at once`;
  return [
    {
      title: 'connect, daemons cold → first request answered',
      unit: 's',
      samples: { ours: seconds(ms.cold) },
      bar: { reach: 'at-most', bar: 1, goal: 0.6 },
      note: `the command alone ${(median(ms.coldCommand) / 1000).toFixed(2)} s${late}; ${harness}`,
    },
    {
      title: 'connect, daemon running',
      unit: 's',
      samples: { ours: seconds(ms.warm) },
      bar: { reach: 'at-most', bar: 0.5, goal: 0.25 },
    },
    {
      title: 'quit -s',
      unit: 's',
      samples: { ours: seconds(ms.stop) },
      bar: { reach: 'at-most', bar: 0.8, goal: 0.4 },
      ...(leftovers === 0 ? {} : { note: `${leftovers} times a process was still there after it` }),
    },
    { title: 'status', unit: 'ms', samples: { ours: ms.status }, bar: { reach: 'at-most', bar: 120, goal: 80 } },
    { title: 'version', unit: 'ms', samples: { ours: ms.version } },
  ];
}

export const commandMeasures: readonly Measure[] = [
  { name: 'commands connect quit status version', needsProduct: true, run: commands },
];
