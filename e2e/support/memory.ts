import { readFile } from 'node:fs/promises';
import type { Laptop } from '../laptop/laptop.ts';
import type { Cluster } from './cluster.ts';
import { podUsage } from './pod-usage.ts';
import { productProcesses } from './product.ts';

/** Resident memory of the product's processes on the laptop, in MiB. */
export async function laptopMemoryMib(laptop: Laptop): Promise<number> {
  const own = (await laptop.processes()).filter(({ command }) =>
    Object.values(productProcesses).some((pattern) => pattern.test(command)),
  );
  const sizes = await Promise.all(
    own.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Memory of a namespace's pods by name, in MiB, as their kubelets count it: some ten seconds old. */
export async function podMemoryMib(cluster: Cluster, namespace: string): Promise<ReadonlyMap<string, number>> {
  const usage = await podUsage(cluster, namespace);
  return new Map([...usage].map(([name, { memoryMib }]) => [name, memoryMib]));
}
