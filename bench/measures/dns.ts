import type { Bar } from '../judge.ts';
import { median } from '../programs/statistics.ts';
import { type Bench, errorNote, type Finding, failureFinding, figures, type Measure, type Way } from './measure.ts';
import { rawRoundTripMs } from './traffic.ts';

/** kubectl port-forward has no datagrams. */
const dnsWays: readonly Way[] = ['ours', 'direct'];

/** Fresh names that each way gets in a round. */
export function freshNamesPerRound(isQuick: boolean): number {
  return isQuick ? 8 : 15;
}

/** How many fresh names a run needs. */
export function freshNames(rounds: number, isQuick: boolean): number {
  return rounds * freshNamesPerRound(isQuick) * dnsWays.length;
}

async function cached(bench: Bench): Promise<readonly Finding[]> {
  const { bed } = bench;
  const count = bench.options.isQuick ? 200 : 500;
  const name = `${bed.targetsHost}.svc.cluster.local`;
  const samples = await bench.alternate(
    async (way) => {
      // Once beside the clock, so that it is cached.
      const server = await serverOf(bench, way);
      await bench.load(way).run('askNames', [[name], server]);
      return await bench.load(way).run('askNames', [Array.from({ length: count }, () => name), server]);
    },
    { ways: dnsWays },
  );
  return [
    {
      title: 'DNS cached, p50',
      unit: 'ms',
      samples: figures(samples, ({ p50Ms }) => p50Ms),
      bar: { reach: 'at-most', bar: 0.15, goal: 0.1 },
      ...errorNote(samples),
    },
    failureFinding('DNS cached', samples),
  ];
}

/** Asked before the clock runs, as other measures have rounds that do not count; absent, so that nothing has to be made for them. */
const warmUpNames = 1_000;

async function warmUp(bench: Bench): Promise<void> {
  if (!bench.options.ways.includes('ours')) return;
  await bench.bed.prepare('ours');
  const names = Array.from({ length: warmUpNames }, (_, index) => `absent-${index}.${bench.bed.targetsHost}.svc.cluster.local`);
  await bench.load('ours').run('askNames', [names, undefined]);
}

async function uncached(bench: Bench): Promise<readonly Finding[]> {
  await warmUp(bench);
  const roundTrips: number[] = [];
  const count = freshNamesPerRound(bench.options.isQuick);
  const samples = await bench.alternate(
    async (way) => {
      const server = await serverOf(bench, way);
      if (way === 'ours') roundTrips.push(await rawRoundTripMs(bench));
      return await bench.load(way).run('askNames', [bench.bed.takeFreshNames(count), server]);
    },
    { ways: dnsWays },
  );
  const roundTrip = median(roundTrips);
  const bar: Bar = { reach: 'at-most', bar: 1, goal: 0.3, relation: { kind: 'above-round-trip', roundTrip } };
  return [
    {
      title: 'DNS uncached, p50',
      unit: 'ms',
      samples: figures(samples, ({ p50Ms }) => p50Ms),
      ...(roundTrips.length === 0 ? {} : { bar }),
      ...errorNote(samples, roundTrips.length === 0 ? undefined : `round trip beside it ${roundTrip.toFixed(2)} ms`),
    },
    failureFinding('DNS uncached', samples),
  ];
}

/** From the node the cluster's own server is asked; on the laptop whichever resolv.conf names. */
async function serverOf(bench: Bench, way: Way): Promise<string | undefined> {
  return way === 'direct' ? await bench.bed.cluster.clusterIp('kube-system', 'kube-dns') : undefined;
}

export const dnsMeasures: readonly Measure[] = [
  { name: 'dns cached', run: cached },
  { name: 'dns uncached', run: uncached },
];
