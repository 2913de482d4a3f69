import type { Latency } from '../programs/exchange.ts';
import { httpMessages } from '../programs/ports.ts';
import { type Bench, errorNote, type Finding, failureFinding, figures, type Measure, type Samples, type Way } from './measure.ts';

const echoDialogue = { request: 'a message of thirty-two bytes, ok', reply: 'a message of thirty-two bytes, ok' };
const byteDialogue = { request: '.', reply: '.' };
const httpDialogue = { request: httpMessages.request, reply: httpMessages.response };
const closingDialogue = { request: httpMessages.closingRequest, reply: httpMessages.closingResponse };

const timesPf = { kind: 'times-pf' } as const;

function bulk(direction: 'upload' | 'download', streams: number): Measure {
  return {
    name: `bulk ${direction} ${streams}`,
    run: async (bench) => {
      const [warmUpMs, windowMs] = bench.options.isQuick ? [100, 300] : [300, 1_200];
      const samples = await bench.alternate(async (way) => {
        const target = bench.target(way, direction === 'upload' ? 'sink' : 'source');
        return await bench.load(way).run(direction, [target, streams, warmUpMs, windowMs], 15_000);
      });
      return [
        {
          title: `bulk ${direction}, ${streams === 1 ? '1 stream' : `${streams} streams`}`,
          unit: 'Gbit/s',
          samples: figures(samples, ({ gbitPerSecond }) => gbitPerSecond),
          bar: { reach: 'at-least', bar: 0.85, goal: streams === 1 ? 1 : 1.2, relation: timesPf },
          ...errorNote(samples),
        },
      ];
    },
  };
}

/**
 * What runs on V8 is compiled while it is used, kubectl is not: a load of so many usual ones comes before those that say what a connection has
 * after a minute of use.
 */
const warmUpLoads = 5;

/** Samples after a warm-up, whose figure is a note and whose failures count. `loads` is how long the sample is. */
async function warmSamples(
  bench: Bench,
  sample: (way: Way, loads: number) => Promise<Latency>,
): Promise<{ readonly samples: Samples<Latency>; readonly all: Samples<Latency>; readonly note: string }> {
  const before = await bench.alternate(async (way) => await sample(way, warmUpLoads), { rounds: 1 });
  const samples = await bench.alternate(async (way) => await sample(way, 1));
  const by = new Map([...samples.by].map(([way, list]) => [way, [...(before.by.get(way) ?? []), ...list]]));
  const first = before.by.get('ours')?.[0]?.p50Ms;
  return {
    samples,
    all: { by, errors: [...before.errors, ...samples.errors] },
    note: `ours while it warms up ${first?.toFixed(2) ?? '–'} ms`,
  };
}

async function roundTrips(bench: Bench, kind: 'tcp' | 'http'): Promise<readonly Finding[]> {
  const maxMs = bench.options.isQuick ? 200 : 800;
  const { samples, all, note } = await warmSamples(bench, async (way, loads) => {
    const target = bench.target(way, kind === 'tcp' ? 'echo' : 'http');
    const dialogue = kind === 'tcp' ? echoDialogue : httpDialogue;
    return await bench.load(way).run('roundTrips', [target, dialogue, 2_000 * loads, maxMs * loads]);
  });
  return [
    {
      title: kind === 'tcp' ? 'TCP round trip, p50' : 'HTTP keep-alive, p50',
      unit: 'ms',
      samples: figures(samples, ({ p50Ms }) => p50Ms),
      bar: { reach: 'at-most', bar: 1.25, goal: 1.1, relation: timesPf },
      ...errorNote(all, note),
    },
  ];
}

async function connections(bench: Bench, kind: 'first byte' | 'http'): Promise<readonly Finding[]> {
  const [count, maxMs] = bench.options.isQuick ? [60, 400] : [200, 1_500];
  const { samples, all, note } = await warmSamples(bench, async (way, loads) => {
    const target = bench.target(way, kind === 'http' ? 'http' : 'echo');
    const dialogue = kind === 'http' ? closingDialogue : byteDialogue;
    return await bench.load(way).run('newConnections', [target, dialogue, count * loads, maxMs * loads], 30_000);
  });
  const title = kind === 'http' ? 'HTTP, new connection each' : 'connect + first byte back';
  return [
    {
      title: `${title}, p50`,
      unit: 'ms',
      samples: figures(samples, ({ p50Ms }) => p50Ms),
      bar: { reach: 'at-most', bar: 0.8, goal: 0.5, relation: timesPf },
      ...errorNote(all, note),
    },
    failureFinding(title, all),
  ];
}

async function requestRate(bench: Bench): Promise<readonly Finding[]> {
  const [warmUpMs, windowMs] = bench.options.isQuick ? [150, 400] : [500, 1_500];
  const samples = await bench.alternate(
    async (way) => await bench.load(way).run('requestRate', [bench.target(way, 'http'), httpDialogue, 50, warmUpMs, windowMs]),
  );
  const lost = [...samples.by].map(([way, list]) => [way, list.reduce((sum, { failures }) => sum + failures, 0)] as const);
  return [
    {
      title: 'HTTP requests/s, 50 connections',
      unit: '/s',
      samples: figures(samples, ({ perSecond }) => perSecond),
      bar: { reach: 'at-least', bar: 1.3, goal: 2, relation: timesPf },
      ...errorNote(samples, ...lost.map(([way, count]) => (count === 0 ? undefined : `${way}: ${count} connections lost`))),
    },
  ];
}

export const trafficMeasures: readonly Measure[] = [
  { name: 'tcp round trip', run: async (bench) => await roundTrips(bench, 'tcp') },
  { name: 'http keep-alive', run: async (bench) => await roundTrips(bench, 'http') },
  { name: 'connect first byte', run: async (bench) => await connections(bench, 'first byte') },
  { name: 'http new connection', run: async (bench) => await connections(bench, 'http') },
  { name: 'http requests per second', run: requestRate },
  bulk('download', 1),
  bulk('upload', 1),
  bulk('download', 8),
  bulk('upload', 8),
];

/** p50 of TCP round trips on the raw path that the product rides on; beside it other figures are judged. */
export async function rawRoundTripMs(bench: Bench): Promise<number> {
  const way = bench.options.ways.includes('pf') ? 'pf' : 'ours';
  await bench.bed.prepare(way);
  const { p50Ms } = await bench.load(way).run('roundTrips', [bench.target(way, 'echo'), echoDialogue, 500, 200]);
  if (p50Ms === undefined) throw new Error('no round trip was answered');
  return p50Ms;
}
