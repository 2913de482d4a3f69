import { setTimeout as sleep } from 'node:timers/promises';
import { managerPids, productPids, residentMib } from '../bed/resident-memory.ts';
import { goodbye } from '../programs/ports.ts';
import { type Bench, type Finding, failureFinding, figures, type Measure } from './measure.ts';

const settleMs = 1_500;

async function idle(bench: Bench): Promise<readonly Finding[]> {
  const { bed, options } = bench;
  // A heap that other loads have made large takes a thousand connections without growing: only a new daemon tells what they cost.
  await bed.product.quit();
  bed.forgetConnection();
  await bed.prepare('ours');
  await sleep(settleMs);
  const driver = bench.load('ours');
  const [onLaptop, inCluster] = [await productPids(bed.laptop), await managerPids(bed.cluster)];
  const before = { laptop: await residentMib(onLaptop), manager: await residentMib(inCluster) };
  const opened = await driver.run('openIdle', [bench.target('ours', 'echo'), options.connections], 90_000);
  await sleep(settleMs);
  const after = { laptop: await residentMib(onLaptop), manager: await residentMib(inCluster) };
  const working = await driver.run('echoIdle', [], 60_000);
  await driver.run('closeIdle', []);
  const each = (part: 'laptop' | 'manager') => (opened === 0 ? Number.NaN : ((after[part] - before[part]) * 1024) / opened);
  const count = options.connections.toLocaleString('en');
  return [
    {
      title: `${count} idle connections, working`,
      unit: '',
      samples: { ours: [working] },
      bar: { reach: 'at-least', bar: options.connections },
      note: `${opened} opened`,
    },
    {
      title: `${count} idle connections, laptop memory each`,
      unit: 'KiB',
      samples: { ours: [each('laptop')] },
      bar: { reach: 'at-most', bar: 60, goal: 30 },
    },
    ...(inCluster.length === 0
      ? []
      : [
          {
            title: `${count} idle connections, manager memory each`,
            unit: 'KiB',
            samples: { ours: [each('manager')] },
            note: 'beside what its heap had free',
          },
        ]),
  ];
}

/** Once each: the figure is one of ten seconds already. */
async function rate(bench: Bench): Promise<readonly Finding[]> {
  const { options } = bench;
  const durationMs = options.isQuick ? 3_000 : 10_000;
  const dialogue = { request: '.', reply: '.' };
  const samples = await bench.alternate(
    async (way) =>
      await bench
        .load(way)
        .run('connectionRate', [bench.target(way, 'echo'), dialogue, options.rate, durationMs], durationMs + 15_000),
    { rounds: 1 },
  );
  const title = `${options.rate} new connections/s for ${durationMs / 1000} s`;
  return [
    failureFinding(title, samples),
    { title: `${title}, p50`, unit: 'ms', samples: figures(samples, ({ p50Ms }) => p50Ms), bar: { reach: 'at-most', bar: 5 } },
    { title: `${title}, p99`, unit: 'ms', samples: figures(samples, ({ p99Ms }) => p99Ms) },
  ];
}

async function sourcePort(bench: Bench): Promise<readonly Finding[]> {
  const samples = await bench.alternate(
    async (way) => await bench.load(way).run('sameSourcePort', [bench.target(way, 'goodbye'), 100, goodbye], 60_000),
    // kubectl port-forward makes connections of its own, and takes a second to end each that the server closes first.
    { rounds: 1, ways: ['ours', 'direct'] },
  );
  return [failureFinding('same source port after the server closed', samples)];
}

export const connectionMeasures: readonly Measure[] = [
  { name: 'same source port', run: sourcePort },
  { name: 'new connections per second', run: rate },
  { name: 'idle connections', needsProduct: true, run: idle },
];
