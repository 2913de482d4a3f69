import { join } from 'node:path';
import type { Laptop, LaptopRunOptions } from '../laptop/laptop.ts';
import { describeFailure } from './program.ts';
import { checkout } from './settings.ts';

/** Command line of a program of `e2e/clients`. */
export function clientProgram(name: string, ...args: readonly (string | number)[]): string[] {
  return ['node', join(checkout, 'e2e/clients', `${name}.ts`), ...args.map(String)];
}

/** Runs a program of `e2e/clients` on the laptop and returns the JSON of its last line. `T` is the caller's claim about it. */
export async function runClient<T>(
  laptop: Laptop,
  name: string,
  args: readonly (string | number)[],
  options: LaptopRunOptions = {},
): Promise<T> {
  const argv = clientProgram(name, ...args);
  const outcome = await laptop.run(argv, options);
  const line = outcome.stdout.trim().split('\n').at(-1) ?? '';
  if (outcome.code !== 0 || line === '') throw new Error(describeFailure(argv, outcome));
  return JSON.parse(line) as T;
}

/** How a TCP connection from the laptop ends: `connected`, `ECONNREFUSED`, `ENETUNREACH`, `nothing`, … */
export async function tryConnect(
  laptop: Laptop,
  host: string,
  port: number,
  timeoutMs = 5_000,
): Promise<{ readonly outcome: string; readonly ms: number }> {
  return await runClient(laptop, 'connect', [host, port, timeoutMs]);
}

export interface DnsReply {
  readonly type: string;
  readonly rcode: string;
  readonly answers: readonly { readonly name: string; readonly type: string; readonly data: unknown; readonly ttl?: number }[];
  readonly ms?: number;
}

/** Asks the laptop's name server, past the resolver library and its search path. */
export async function askDns(laptop: Laptop, name: string, ...types: readonly string[]): Promise<readonly DnsReply[]> {
  return await runClient(laptop, 'dns-query', [name, ...types]);
}
