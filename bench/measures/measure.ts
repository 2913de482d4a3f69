import type { BenchBed } from '../bed/bench-bed.ts';
import type { LoadDriver } from '../bed/load-driver.ts';
import type { Bar } from '../judge.ts';
import type { Options } from '../options.ts';
import type { Target } from '../programs/exchange.ts';
import type { PortName } from '../programs/ports.ts';

/** How a load gets to the cluster: through the product, through `kubectl port-forward`, or from the node without anything. */
export type Way = 'ours' | 'pf' | 'direct';

/** One line of the result. */
export interface Finding {
  readonly title: string;
  readonly unit: string;
  /** Of each way one figure a round. */
  readonly samples: Readonly<Partial<Record<Way, readonly number[]>>>;
  readonly bar?: Bar;
  readonly note?: string;
}

export interface Measure {
  /** For filters. */
  readonly name: string;
  /** Whether it makes sense without the product. */
  readonly needsProduct?: boolean;
  readonly run: (bench: Bench) => Promise<readonly Finding[]>;
}

/** What a measure works with. */
export interface Bench {
  readonly bed: BenchBed;
  readonly options: Options;
  load(way: Way): LoadDriver;
  target(way: Way, port: PortName): Target;
  alternate<T>(sample: (way: Way) => Promise<T>, options?: AlternateOptions): Promise<Samples<T>>;
}

export interface AlternateOptions {
  readonly rounds?: number;
  readonly ways?: readonly Way[];
}

export interface Samples<T> {
  readonly by: ReadonlyMap<Way, readonly T[]>;
  /** What went wrong, for the note. */
  readonly errors: readonly string[];
}

/** One figure of each sample that has one. */
export function figures<T>(
  samples: Samples<T>,
  pick: (sample: T) => number | undefined,
): Partial<Record<Way, readonly number[]>> {
  return Object.fromEntries([...samples.by].map(([way, list]) => [way, list.map(pick).filter((value) => value !== undefined)]));
}

interface Counted {
  readonly count: number;
  readonly failures: number;
}

/** A line of its own for what went unanswered: a median alone speaks only of those that were served. None where nothing was tried. */
export function failureFinding(title: string, samples: Samples<Counted>): Finding {
  const tried = [...samples.by].filter(([, list]) => list.length > 0);
  const total = (list: readonly Counted[], field: keyof Counted) => list.reduce((sum, sample) => sum + sample[field], 0);
  return {
    title: `${title}, failures`,
    unit: '',
    samples: Object.fromEntries(tried.map(([way, list]) => [way, [total(list, 'failures')]])),
    bar: { reach: 'at-most', bar: 0 },
    ...errorNote(samples, ...tried.map(([way, list]) => `${way} of ${total(list, 'count')}`)),
  };
}

/** The errors of the samples as a note, or none. */
export function errorNote(samples: Samples<unknown>, ...more: readonly (string | undefined)[]): { readonly note?: string } {
  const parts = [...more, ...new Set(samples.errors)].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { note: parts.join('; ') };
}

const maxErrors = 2;

/**
 * Takes a sample of each way in turn, in another order each round, so that a machine that gets slower or busier does so for all
 * of them. A way that fails twice is left alone.
 */
export async function alternate<T>(
  ways: readonly Way[],
  rounds: number,
  isTimeUp: () => boolean,
  sample: (way: Way) => Promise<T>,
): Promise<Samples<T>> {
  const by = new Map<Way, T[]>(ways.map((way) => [way, []]));
  const errors: string[] = [];
  const failed = new Map<Way, number>();
  for (let round = 0; round < rounds; round += 1) {
    if (isTimeUp()) {
      errors.push(`the time was up after ${round} of ${rounds} rounds`);
      break;
    }
    const first = round % ways.length;
    for (const way of [...ways.slice(first), ...ways.slice(0, first)]) {
      if ((failed.get(way) ?? 0) >= maxErrors) continue;
      try {
        by.get(way)?.push(await sample(way));
      } catch (error) {
        failed.set(way, (failed.get(way) ?? 0) + 1);
        errors.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return { by, errors };
}
