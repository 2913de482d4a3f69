import { availableParallelism, loadavg } from 'node:os';
import { missingForBed, missingForProduct, settings } from '../e2e/support/settings.ts';
import { BenchBed } from './bed/bench-bed.ts';
import { latestWarnings } from './bed/laptop-logs.ts';
import { startOwnCluster, stopOwnCluster } from './bed/own-cluster.ts';
import { managerPids } from './bed/resident-memory.ts';
import { commandMeasures } from './measures/commands.ts';
import { dnsMeasures, freshNames } from './measures/dns.ts';
import { interceptMeasures } from './measures/intercepts.ts';
import { connectionMeasures } from './measures/many-connections.ts';
import { alternate, type Bench, type Finding, type Measure } from './measures/measure.ts';
import { aroundLoads } from './measures/memory.ts';
import { sandboxMeasures } from './measures/sandbox.ts';
import { trafficMeasures } from './measures/traffic.ts';
import { type Options, parseOptions } from './options.ts';
import { line, markdownTable } from './report.ts';

/**
 * npm run bench: what the product reaches, beside `kubectl port-forward` and direct access from the node. Prints figures, and
 * says which fall short of their bars; that is no failure. Only a run that could not measure ends with another exit code than 0.
 */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const isOwnCluster = settings.kubeconfig === undefined;
  const missing = options.ways.includes('ours') ? missingForProduct() : missingForBed();
  const canStartCluster = process.platform === 'linux' && process.getuid?.() === 0;
  if (missing !== undefined && !(isOwnCluster && canStartCluster))
    throw new Error(`this machine or its cluster is not enough: ${missing}`);
  try {
    const kubeconfig = settings.kubeconfig ?? (await startOwnCluster());
    await measureAll(options, kubeconfig);
  } finally {
    if (isOwnCluster) await stopOwnCluster();
  }
}

/** Setting up and taking down come on top of it; whole runs stay within two and ten minutes. */
const budgetMs = { quick: 100_000, full: 540_000 };

async function measureAll(options: Options, kubeconfig: string): Promise<void> {
  const isWanted = ({ name, needsProduct }: Measure) =>
    (options.filters.length === 0 || options.filters.some((filter) => name.includes(filter))) &&
    (needsProduct !== true || options.ways.includes('ours'));
  const commands = commandMeasures.filter(isWanted);
  const knownLoads = [...dnsMeasures, ...trafficMeasures];
  const loads = knownLoads.filter(isWanted);
  const connections = connectionMeasures.filter(isWanted);
  const intercepts = interceptMeasures.filter(isWanted);
  const sandboxes = sandboxMeasures.filter(isWanted);
  const isMemoryWanted = isWanted({ name: 'memory', needsProduct: true, run: async () => await Promise.resolve([]) });
  const names = loads.some(({ name }) => name.startsWith('dns')) ? freshNames(options.rounds, options.isQuick) : 0;
  console.log(
    `${options.rounds} rounds; ${availableParallelism()} cores, load average ${(loadavg()[0] ?? 0).toFixed(1)} before them.`,
  );
  const findings: Finding[] = [];
  const show = (found: readonly Finding[]) => {
    findings.push(...found);
    for (const finding of found) console.log(line(finding));
  };
  await BenchBed.with(
    { kubeconfig, ways: options.ways, freshNames: names, isManagerFresh: options.isManagerFresh },
    async (bed) => {
      const end = performance.now() + (options.isQuick ? budgetMs.quick : budgetMs.full);
      const bench = makeBench(bed, options, () => performance.now() >= end);
      const runAll = async (measures: readonly Measure[]): Promise<number> => {
        let done = 0;
        for (const measure of measures) {
          if (performance.now() >= end) {
            console.log(`${measure.name}: not measured, the time is up`);
            continue;
          }
          show(await attempt(measure.name, async () => await measure.run(bench)));
          done += 1;
        }
        return done;
      };
      const managerBefore = await managerPids(bed.cluster);
      await runAll(commands);
      if (isMemoryWanted) {
        const run = async () => ({ done: await runAll(loads), known: knownLoads.length });
        show(await attempt('memory', async () => await aroundLoads(bench, run)));
      } else await runAll(loads);
      await runAll(connections);
      await runAll(intercepts);
      await runAll(sandboxes);
      if (findings.some(isBroken)) for (const text of await latestWarnings(bed.laptop)) console.log(text);
      if (String(await managerPids(bed.cluster)) !== String(managerBefore))
        console.log('The traffic-manager was replaced during the run: figures from around that moment are worth nothing.');
      if (bed.portForward.restarts > 0) console.log(`kubectl port-forward ended by itself ${bed.portForward.restarts} times`);
    },
  );
  console.log(`\n${markdownTable(findings)}`);
}

function makeBench(bed: BenchBed, options: Options, isTimeUp: () => boolean): Bench {
  return {
    bed,
    options,
    load: (way) => bed.load(way),
    target: (way, port) => bed.target(way, port),
    alternate: async (sample, { rounds = options.rounds, ways = options.ways } = {}) => {
      const chosen = ways.filter((way) => options.ways.includes(way));
      return await alternate(chosen, rounds, isTimeUp, async (way) => {
        await bed.prepare(way);
        try {
          return await sample(way);
        } catch (error) {
          // The connection may be what is broken: the next sample begins with `connect`.
          if (way === 'ours') bed.forgetConnection();
          throw error;
        }
      });
    },
  };
}

/** Something of ours was tried, and has no figure or an error beside it. */
function isBroken({ samples, note }: Finding): boolean {
  return (
    samples.ours !== undefined &&
    (samples.ours.length === 0 || samples.ours.some(Number.isNaN) || note?.includes('ours: ') === true)
  );
}

/** One measure that fails takes no other with it. */
async function attempt(name: string, run: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`${name}: could not be measured: ${reason}`);
    return [];
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
