import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Laptop } from '../../e2e/laptop/laptop.ts';
import type { Cluster } from '../../e2e/support/cluster.ts';
import { podProcesses } from '../../e2e/support/pod-processes.ts';
import { settings } from '../../e2e/support/settings.ts';

/** On the laptop, but not of the product: the loads, kubectl, and the stand-in for sudo. */
const others = /\/bench\/programs\/|\bport-forward\b|\/bin\/sudo\b/;

/** Processes of the product on the laptop, whatever they are called. */
export async function productPids(laptop: Laptop): Promise<readonly number[]> {
  return (await laptop.processes()).filter(({ command }) => !others.test(command)).map(({ pid }) => pid);
}

/** Processes of the traffic-manager's pods, where their node is this machine; otherwise none. */
export async function managerPids(cluster: Cluster): Promise<readonly number[]> {
  return await podPids(cluster, settings.managerNamespace, 'traffic-manager');
}

/** Processes of the pods whose names begin so, of those whose command line has the word: where their node is this machine. */
export async function podPids(cluster: Cluster, namespace: string, prefix: string, word = ''): Promise<readonly number[]> {
  const pods = await cluster.pods(namespace);
  const uids = pods
    .filter(({ metadata }) => metadata.name.startsWith(prefix) && metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.uid ?? '');
  return await podProcesses(uids, word);
}

/**
 * Resident memory of these processes together, in MiB; pages that two of them share count twice. Throws where one has ended: what
 * the others use would look like a saving.
 */
export async function residentMib(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
      if (kibibytes === undefined) throw new Error(`process ${pid} ended during the loads`);
      return Number(kibibytes) / 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Resident memory of these processes, in MiB, in which each shared page is divided among those that have it; `undefined` where unknown. */
export async function proportionalMib(pids: readonly number[]): Promise<number | undefined> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? Number.NaN) / 1024;
    }),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return Number.isNaN(total) ? undefined : total;
}

/** Which processes these are, such as `daemon.js 4711, helper.js 4712`. */
export async function describeProcesses(pids: readonly number[]): Promise<string> {
  const names = pids.map(async (pid) => {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return `${basename(argv.find((part) => /\.(js|ts)$/.test(part)) ?? argv[0] ?? '')} ${pid}`;
  });
  return (await Promise.all(names)).join(', ');
}

const sampleIntervalMs = 150;

/** Watches processes for the most that they have together at any time. */
export class PeakMemory {
  readonly #pids: readonly number[];
  #timer: NodeJS.Timeout | undefined;
  #peakMib = 0;
  #failure: unknown;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  start(): void {
    const sample = async () => {
      try {
        this.#peakMib = Math.max(this.#peakMib, await residentMib(this.#pids));
      } catch (error) {
        this.#failure = error;
      }
    };
    this.#timer = setInterval(() => void sample(), sampleIntervalMs);
  }

  /** In MiB; NaN where a process ended on the way. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#failure !== undefined ? Number.NaN : this.#peakMib;
  }
}
