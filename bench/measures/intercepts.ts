import { setTimeout as sleep } from 'node:timers/promises';
import { Intercepted, passedByAgent } from '../bed/intercepted.ts';
import { PeakMemory, podPids, residentMib } from '../bed/resident-memory.ts';
import type { Target } from '../programs/exchange.ts';
import { httpMessages } from '../programs/ports.ts';
import { type Bench, errorNote, type Finding, figures, type Measure } from './measure.ts';

const httpDialogue = { request: httpMessages.request, reply: httpMessages.response };
const timesPf = { kind: 'times-pf' } as const;
const connections = 50;

/** Until a process that has worked has given back what it no longer needs. */
const restMs = 8_000;

/** Callers in the cluster, whose Service leads to an agent: to the laptop through it, and past it to the app. */
async function intercepts(bench: Bench): Promise<readonly Finding[]> {
  const shop = await Intercepted.create(bench.bed);
  try {
    const first = await firstIntercepts(bench, shop);
    const agent = await agentPids(bench);
    await sleep(restMs);
    const idle = await residentMib(agent);
    const peak = new PeakMemory(agent);
    peak.start();
    const found = [
      ...first,
      ...(await againAndBack(bench, shop)),
      ...(await throughIntercept(bench, shop)),
      ...(await pastIdleAgent(bench, shop)),
    ];
    const most = peak.stop();
    await sleep(restMs);
    const after = await residentMib(agent);
    found.push(...(await outOfThePath(bench)));
    if (agent.length === 0) return found;
    return [...found, memory('idle', idle, 70, 45), memory('after the loads', after, 90, 60), memory('peak', most, 120, 80)];
  } finally {
    shop.stop();
  }
}

async function firstIntercepts(bench: Bench, shop: Intercepted): Promise<readonly Finding[]> {
  const seconds: number[] = [];
  for (let round = 0; round < (bench.options.isQuick ? 2 : bench.options.rounds); round += 1) {
    if (round > 0) {
      await shop.leave();
      await shop.removeAgent();
    }
    seconds.push((await shop.intercept()) / 1_000);
  }
  return [
    {
      title: 'first intercept (pod replaced) → first request',
      unit: 's',
      samples: { ours: seconds },
      bar: { reach: 'at-most', bar: 3, goal: 2 },
    },
  ];
}

async function againAndBack(bench: Bench, shop: Intercepted): Promise<readonly Finding[]> {
  const [there, back]: [number[], number[]] = [[], []];
  for (let round = 0; round < bench.options.rounds; round += 1) {
    back.push((await shop.leave()) / 1_000);
    there.push((await shop.intercept()) / 1_000);
  }
  return [
    {
      title: 'intercept, agent there → first request',
      unit: 's',
      samples: { ours: there },
      bar: { reach: 'at-most', bar: 0.2, goal: 0.1 },
    },
    { title: 'leave → first request back', unit: 's', samples: { ours: back }, bar: { reach: 'at-most', bar: 0.1 } },
  ];
}

async function throughIntercept(bench: Bench, shop: Intercepted): Promise<readonly Finding[]> {
  await shop.leave();
  await shop.intercept(['place', 'http', 'sink', 'source']);
  const [warmUpMs, windowMs] = bench.options.isQuick ? [150, 400] : [300, 1_200];
  const ways = ['ours', 'pf'] as const;
  // Ours begins in the cluster, the port-forward on the laptop: the same stretch in the other direction.
  const place = (way: string) => (way === 'ours' ? 'direct' : 'pf');
  const trips = await bench.alternate(
    async () => await bench.load('direct').run('roundTrips', [shop.target('http'), httpDialogue, 2_000, windowMs]),
    { ways: ['ours'] },
  );
  const rates = await bench.alternate(
    async (way) => {
      const target = way === 'ours' ? shop.target('http') : bench.target(way, 'http');
      return await bench.load(place(way)).run('requestRate', [target, httpDialogue, connections, warmUpMs, windowMs]);
    },
    { ways },
  );
  const bulk = async (direction: 'upload' | 'download') =>
    await bench.alternate(
      async (way) => {
        const port = direction === 'upload' ? 'sink' : 'source';
        const target = way === 'ours' ? shop.target(port) : bench.target(way, port);
        return await bench.load(place(way)).run(direction, [target, 1, warmUpMs, windowMs], 15_000);
      },
      { ways },
    );
  const [to, from] = [await bulk('upload'), await bulk('download')];
  const bulkFinding = (title: string, samples: typeof to): Finding => ({
    title,
    unit: 'Gbit/s',
    samples: figures(samples, ({ gbitPerSecond }) => gbitPerSecond),
    bar: { reach: 'at-least', bar: 0.9, goal: 1, relation: timesPf },
    ...errorNote(samples),
  });
  return [
    {
      title: 'HTTP keep-alive p50, cluster → handler',
      unit: 'ms',
      samples: figures(trips, ({ p50Ms }) => p50Ms),
      bar: { reach: 'at-most', bar: 0.8, goal: 0.6 },
      ...errorNote(trips),
    },
    {
      title: `requests/s through an intercept, ${connections} connections`,
      unit: '/s',
      samples: figures(rates, ({ perSecond }) => perSecond),
      bar: { reach: 'at-least', bar: 1.3, goal: 2, relation: timesPf },
      ...errorNote(rates),
    },
    bulkFinding('bulk through an intercept, to the handler', to),
    bulkFinding('bulk through an intercept, from the handler', from),
  ];
}

async function pastIdleAgent(bench: Bench, shop: Intercepted): Promise<readonly Finding[]> {
  await shop.leave();
  return await againstNone(bench, shop.target('http'), 'an idle agent');
}

async function outOfThePath(bench: Bench): Promise<readonly Finding[]> {
  const target = await passedByAgent(bench.bed);
  return await againstNone(bench, target('http'), 'an idle agent out of the path');
}

async function againstNone(bench: Bench, ours: Target, words: string): Promise<readonly Finding[]> {
  const [warmUpMs, windowMs] = bench.options.isQuick ? [150, 400] : [300, 1_200];
  const ways = ['ours', 'direct'] as const;
  const target = (way: string) => (way === 'ours' ? ours : bench.target('direct', 'http'));
  const rates = await bench.alternate(
    async (way) => await bench.load('direct').run('requestRate', [target(way), httpDialogue, connections, warmUpMs, windowMs]),
    { ways },
  );
  const trips = await bench.alternate(
    async (way) => await bench.load('direct').run('roundTrips', [target(way), httpDialogue, 2_000, windowMs]),
    { ways },
  );
  return [
    {
      title: `requests/s past ${words}, against none`,
      unit: '/s',
      samples: figures(rates, ({ perSecond }) => perSecond),
      bar: { reach: 'at-least', bar: 0.7, goal: 0.9, relation: { kind: 'times-direct' } },
      ...errorNote(rates),
    },
    {
      title: `p50 past ${words}, against none`,
      unit: 'ms',
      samples: figures(trips, ({ p50Ms }) => p50Ms),
      bar: { reach: 'at-most', bar: 0.1, goal: 0.03, relation: { kind: 'above-direct' } },
      ...errorNote(trips),
    },
  ];
}

async function agentPids({ bed }: Bench): Promise<readonly number[]> {
  return await podPids(bed.cluster, bed.targets.namespace, 'shop', 'agent.js');
}

function memory(words: string, mib: number, bar: number, goal: number): Finding {
  return {
    title: `memory of a traffic-agent, ${words}`,
    unit: 'MiB',
    samples: { ours: [mib] },
    bar: { reach: 'at-most', bar, goal },
  };
}

export const interceptMeasures: readonly Measure[] = [{ name: 'intercepts', needsProduct: true, run: intercepts }];
