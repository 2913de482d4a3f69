import type { Way } from './measures/measure.ts';

export interface Options {
  /** Parts of measures' names; all measures where empty. */
  readonly filters: readonly string[];
  readonly ways: readonly Way[];
  readonly rounds: number;
  /** Shorter windows, fewer repetitions. */
  readonly isQuick: boolean;
  /** Idle connections to hold. */
  readonly connections: number;
  /** New connections a second. */
  readonly rate: number;
  /** Build the image and install the traffic-manager anew, whatever runs. */
  readonly isManagerFresh: boolean;
}

export const usage = `npm run bench -- [FILTER…] [--quick] [--ways ours,pf,direct] [--rounds N] [--connections N] [--rate N] [--fresh-manager]

FILTER          part of a measure's name, such as bulk, http, dns, commands, memory
--quick         within two minutes instead of ten
--ways          what to compare: ours, kubectl port-forward, directly from the node
--rounds        samples of each way, of which the median counts (default 5)
--connections   idle connections to hold (default 1000)
--rate          new connections a second (default 200)
--fresh-manager build the image and install the traffic-manager anew
`;

const allWays: readonly Way[] = ['ours', 'pf', 'direct'];

/** Throws where an argument makes no sense. */
export function parseOptions(args: readonly string[]): Options {
  const filters: string[] = [];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? '';
    if (['--quick', '--fresh-manager'].includes(argument)) flags.add(argument);
    else if (['--ways', '--rounds', '--connections', '--rate'].includes(argument)) {
      index += 1;
      values.set(argument, args[index] ?? '');
    } else if (argument.startsWith('-')) throw new Error(`unknown argument ${argument}\n${usage}`);
    else filters.push(argument.toLowerCase());
  }
  const count = (name: string, standard: number): number => {
    const value = Number(values.get(name) ?? standard);
    if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0\n${usage}`);
    return value;
  };
  const named = values.get('--ways')?.split(',');
  const unknown = named?.find((name) => !allWays.some((way) => way === name));
  if (unknown !== undefined) throw new Error(`--ways does not know "${unknown}"\n${usage}`);
  return {
    filters,
    ways: allWays.filter((way) => named === undefined || named.includes(way)),
    rounds: count('--rounds', 5),
    isQuick: flags.has('--quick'),
    connections: count('--connections', 1000),
    rate: count('--rate', 200),
    isManagerFresh: flags.has('--fresh-manager'),
  };
}
