import { returnMemory } from './return-memory.ts';

const intervalMs = 1_000;
/** Processor time of an interval in which a process rests: one that only keeps its connections alive uses less. */
const restMs = 40;
/** Processor time after which it has touched enough again, be it at once or little by little. */
const workMs = 500;
/** Intervals until a pause counts as rest. */
const restIntervals = 2;
/** Between two returns, so that work that comes and goes does not pay for it each time. */
const fewestIntervals = 5;

/** What the process has; other things in tests. */
interface ProcessMemory {
  /** Processor time that all threads together have used, in microseconds. */
  cpuUsage(): { readonly user: number; readonly system: number };
  returnMemory(): void;
}

/** Returns memory when this process, with all its threads, has worked and then rests. Its start counts as work. */
export function returnMemoryAtRest(memory: ProcessMemory = { cpuUsage: () => process.cpuUsage(), returnMemory }): Disposable {
  let used = usedMs(memory);
  let usedAtReturn = Number.NEGATIVE_INFINITY;
  let rested = 0;
  let sinceReturn = fewestIntervals;
  const timer = setInterval(() => {
    const usedBefore = used;
    used = usedMs(memory);
    rested = used - usedBefore < restMs ? rested + 1 : 0;
    sinceReturn += 1;
    if (rested < restIntervals || used - usedAtReturn < workMs || sinceReturn < fewestIntervals) return;
    usedAtReturn = used;
    sinceReturn = 0;
    memory.returnMemory();
  }, intervalMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function usedMs(memory: ProcessMemory): number {
  const { user, system } = memory.cpuUsage();
  return (user + system) / 1_000;
}
