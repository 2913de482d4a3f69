import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { PodUsage } from './node-api.ts';

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

export interface MeasuredPod {
  readonly pod: PodUsage['pod'];
  /** A process of the pod, as seen from outside of the sandbox's namespaces; absent where none runs. */
  readonly process: number | undefined;
}

/** What the processes of pods use, which belong together by their network namespace. */
export function measurePods(pods: readonly MeasuredPod[]): readonly PodUsage[] {
  const byNamespace = new Map<string, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const namespace = networkNamespace(Number(name));
    if (namespace !== undefined) byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), Number(name)]);
  }
  return pods.map(({ pod, process }) => {
    const namespace = process === undefined ? undefined : networkNamespace(process);
    const processes = namespace === undefined ? [] : (byNamespace.get(namespace) ?? []);
    const sum = (measure: (pid: number) => number) => processes.reduce((total, pid) => total + measure(pid), 0);
    return { pod, memoryBytes: sum(memoryOf), cpuSeconds: sum(cpuOf) };
  });
}

function networkNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** What is the process's alone: mapped files are shared with everybody. */
function memoryOf(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readProcess(pid, 'status'))?.[1] ?? 0) * 1024;
}

function cpuOf(pid: number): number {
  // Behind the name in brackets, which may hold anything: fields 14 and 15 of all are times in user and kernel mode.
  const fields = readProcess(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

function readProcess(pid: number, file: 'status' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}
