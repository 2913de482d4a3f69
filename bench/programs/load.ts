// Runs on the laptop or on the node, once for each way to the cluster: takes loads as JSON lines, and answers each with its figures.
import { createInterface } from 'node:readline';
import { download, upload } from './bulk.ts';
import { closeIdle, echoIdle, openIdle, sameSourcePort } from './connections.ts';
import { connectionRate, newConnections, roundTrips } from './exchange.ts';
import { askNames, firstRequest } from './names.ts';
import { requestRate } from './request-rate.ts';

const loads = {
  download,
  upload,
  roundTrips,
  newConnections,
  connectionRate,
  requestRate,
  askNames,
  firstRequest,
  openIdle,
  echoIdle,
  closeIdle,
  sameSourcePort,
} as const;

export type Loads = typeof loads;

/** One line in. Arguments are what the function of that name takes. */
export interface LoadRequest {
  readonly id: number;
  readonly load: keyof Loads;
  readonly args: readonly unknown[];
}

/** One line out. */
export interface LoadAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

async function perform({ id, load, args }: LoadRequest): Promise<LoadAnswer> {
  try {
    const run = loads[load] as (...args: readonly unknown[]) => Promise<unknown>;
    return { id, result: await run(...args) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

// A connection may fail after its load is over.
process.on('unhandledRejection', () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await perform(JSON.parse(line) as LoadRequest)));
}
process.exit(0);
