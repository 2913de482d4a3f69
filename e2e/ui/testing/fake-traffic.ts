import type { Handlers } from '#net/rpc/handlers.ts';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput } from '#protocol/local-api/local-api.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { exampleConnectionEntry, exampleDetail, exampleRequest } from '#protocol/local-api/testing/example-traffic.ts';
import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import { onWorld, type World } from './fake-world.ts';
import { engagementOf } from './world.ts';

const methods = ['GET', 'POST', 'GET', 'DELETE', 'PUT'] as const;
const statuses = [200, 201, 304, 404, 500] as const;

/** Requests like those of a shop, numbered from `first`. */
export function requestsOf(
  first: number,
  count: number,
  change: Partial<Extract<TrafficEntry, { kind: 'request' }>> = {},
): TrafficEntry[] {
  return Array.from({ length: count }, (_unused, index) => {
    const id = first + index;
    return exampleRequest({
      id,
      time: new Date(Date.UTC(2026, 0, 1, 12) + id * 130).toISOString(),
      method: methods[id % methods.length] ?? 'GET',
      path: `/items/${id}?page=${id % 3}`,
      status: statuses[id % statuses.length] ?? 200,
      durationMs: (id * 7) % 900,
      outBytes: (id * 311) % 90_000,
      from: `10.42.0.${id % 200}:${40_000 + id}`,
      ...change,
    });
  });
}

/** Two connections that are no requests. */
export const otherTraffic: readonly TrafficEntry[] = [
  exampleConnectionEntry({ id: 9_001, time: '2026-01-01T12:30:00.000Z' }),
  exampleConnectionEntry({ id: 9_002, time: '2026-01-01T12:31:00.000Z', protocol: 'refused', state: 'failed', path: undefined }),
];

export interface FakeTraffic {
  readonly handlers: Pick<Handlers, 'watchTraffic' | 'readTraffic' | 'exportTraffic' | 'clearTraffic' | 'listFolders'>;
  readonly watched: CallInput<'watchTraffic'>[];
  readonly exported: CallInput<'exportTraffic'>[];
  /** How many watch now. */
  watchers(): number;
  send(event: CallEvent<'watchTraffic'>): void;
}

/** Traffic that is `entries` first, and then what the test sends. */
export function fakeTraffic(entries: readonly TrafficEntry[]): FakeTraffic {
  const known = new Map(entries.map((entry) => [entry.id, entry]));
  const watchers = new Map<(event: CallEvent<'watchTraffic'>) => void, string | undefined>();
  const watched: CallInput<'watchTraffic'>[] = [];
  const exported: CallInput<'exportTraffic'>[] = [];
  const send = (event: CallEvent<'watchTraffic'>) => {
    if (event.kind === 'cleared') known.clear();
    else for (const entry of event.entries) known.set(entry.id, entry);
    for (const [emit, engagement] of watchers)
      emit(event.kind === 'changed' ? { ...event, entries: of(event.entries, engagement) } : event);
  };
  return {
    watched,
    exported,
    watchers: () => watchers.size,
    send,
    handlers: {
      listFolders: async () => ({ directory: '/home/dev', folders: [] }),
      watchTraffic: async (input, { emit, signal }) => {
        watched.push(input);
        emit({ kind: 'snapshot', entries: of([...known.values()], input.engagement) });
        watchers.set(emit, input.engagement);
        await untilAborted(signal);
        watchers.delete(emit);
        return {};
      },
      readTraffic: async ({ id, reveal }) => {
        const entry = known.get(id);
        if (entry === undefined) throw new AppError({ code: 'not-found', message: 'The request is not kept any more' });
        return entry.kind === 'request' ? exampleDetail(entry, reveal) : { entry };
      },
      exportTraffic: async (input) => {
        exported.push(input);
        return { file: input.outputFile, entries: input.ids.length - 1, missing: 1 };
      },
      clearTraffic: async () => {
        send({ kind: 'cleared' });
        return {};
      },
    },
  };
}

/** Connected, with two engagements, and a daemon that has traffic. */
export function trafficWorld(traffic: FakeTraffic, change: Partial<DaemonState> = {}): World {
  const engagements = {
    'staging-shop/cart': engagementOf(),
    'staging-shop/catalog': engagementOf({ name: 'catalog', workload: 'catalog' }),
  };
  return withTraffic(onWorld({ engagements, ...change }, traffic.handlers));
}

export function withTraffic({ state, handlers }: World): World {
  const capabilities = [...state.daemon.capabilities, 'traffic' as const];
  return { state: { ...state, daemon: { ...state.daemon, capabilities } }, handlers };
}

function of(entries: readonly TrafficEntry[], engagement: string | undefined): TrafficEntry[] {
  return entries.filter((entry) => engagement === undefined || entry.engagement === engagement);
}
