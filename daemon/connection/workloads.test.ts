import { EventEmitter, on } from 'node:events';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Manager,
  SessionInfoSchema,
  WorkloadEvent_Type,
  type WorkloadEventsDeltaSchema,
  WorkloadInfo_Kind,
} from '#protocol/cluster/generated/manager_pb.js';
import { type WorkloadChange, watchWorkloads } from './workloads.ts';

const { ADDED_UNSPECIFIED: added, DELETED: deleted } = WorkloadEvent_Type;
type Delta = MessageInitShape<typeof WorkloadEventsDeltaSchema>;

describe('watching workloads', () => {
  const end = new AbortController();
  const events = new EventEmitter();
  let first: Delta[] = [];
  const delta = (type: WorkloadEvent_Type, ...names: string[]): Delta => ({
    events: names.map((name) => ({ type, workload: { kind: WorkloadInfo_Kind.DEPLOYMENT, name, namespace: 'shop' } })),
  });
  const manager = createClient(
    Manager,
    createRouterTransport((router) =>
      router.service(Manager, {
        async *watchWorkloads(_request, { signal }) {
          const later = on(events, 'delta', { signal });
          yield* first;
          for await (const [next] of later) yield next as Delta;
        },
      }),
    ),
  );
  const watch = () => {
    const session = create(SessionInfoSchema, { sessionId: 'one' });
    const live = { link: { manager, isOpen: true }, session };
    return watchWorkloads({ live: () => Promise.resolve(live) }, end.signal, { quietMs: 50, emptyMs: 100 });
  };
  const next = async (changes: AsyncGenerator<WorkloadChange>) => {
    const { value } = (await changes.next()) as { value: WorkloadChange };
    return value.kind === 'snapshot' ? value.workloads.map(({ name }) => name) : `${value.kind} ${value.workload.name}`;
  };

  afterEach(() => end.abort());

  it('begins with all that a stock traffic-manager names one by one, or with none', async () => {
    first = [delta(added, 'a'), delta(added, 'b', 'c'), delta(deleted, 'b')];
    const changes = watch();
    expect(await next(changes)).toEqual(['a', 'c']);
    events.emit('delta', delta(added, 'd'));
    expect(await next(changes)).toBe('changed d');
    first = [];
    expect(await next(watch())).toEqual([]);
  });
});

describe('watching workloads of a traffic-manager of this product', () => {
  it('takes its word for what is all, and for who has what since when', async () => {
    const end = new AbortController();
    const at = (time: string) => timestampFromDate(new Date(time));
    const interceptClients = [
      { client: 'ana', since: at('2026-01-01T00:00:02Z') },
      { client: 'stock' },
      { client: 'ana', since: at('2026-01-01T00:00:01Z') },
    ];
    const workload = { kind: WorkloadInfo_Kind.DEPLOYMENT, name: 'a', namespace: 'shop', interceptClients };
    const manager = createClient(
      Manager,
      createRouterTransport((router) =>
        router.service(Manager, {
          async *watchWorkloads() {
            yield await Promise.resolve({ isSnapshot: true, events: [{ type: added, workload }] });
            yield { events: [{ type: deleted, workload }] };
          },
        }),
      ),
    );
    const live = { link: { manager, isOpen: true }, session: create(SessionInfoSchema, { sessionId: 'one' }) };
    const changes = watchWorkloads({ live: () => Promise.resolve(live) }, end.signal, { quietMs: 60_000, emptyMs: 60_000 });
    const seen = [(await changes.next()).value, (await changes.next()).value] as WorkloadChange[];
    expect(seen.map(({ kind }) => kind)).toEqual(['snapshot', 'removed']);
    // A laptop with several ports has several intercepts.
    expect(seen[1]).toMatchObject({
      workload: { interceptedBy: [{ owner: 'ana', since: '2026-01-01T00:00:01.000Z' }, { owner: 'stock' }] },
    });
    end.abort();
  });
});
