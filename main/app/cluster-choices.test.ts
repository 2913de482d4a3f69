import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { connectApi } from '#net/rpc/connect-api.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { fakeState, startFakeDaemon } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ConnectionState, DaemonState } from '#protocol/local-api/model.ts';
import { exampleConnection, exampleSince as since } from '#protocol/local-api/testing/example-state.ts';
import { watchClusterChoices } from './cluster-choices.ts';

const reason = { code: 'manager.unreachable', message: 'No answer' } as const;
const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const contexts = ['production', 'staging'].map((name) => ({
  name,
  cluster: name,
  user: 'me',
  namespace: 'default',
  server: 'https://10.0.0.1:6443',
  current: name === 'staging',
}));

/** A link to a daemon that answers, in a state that the test sets. */
async function watch(handlers: Partial<Handlers> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-choices-'));
  ends.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'run/daemon.sock');
  const namespaces = { listNamespaces: async () => ({ namespaces: ['cellar', 'shop'] }) };
  const daemon = await startFakeDaemon({
    path,
    handlers: { listContexts: async () => ({ contexts }), ...namespaces, ...handlers },
  });
  ends.push(() => daemon.close());
  const api = await connectApi(path);
  ends.push(() => api.close());
  const link: { state: DaemonState | undefined; readonly api: typeof api } = { state: fakeState(), api };
  const choices = watchClusterChoices(link, undefined, silentLogger, () => undefined);
  const enter = (state: ConnectionState, context = 'staging') => {
    link.state = fakeState({ connections: { [context]: exampleConnection({ name: context, context, state }) } });
    choices.refresh();
  };
  return { choices, enter };
}

test('has the current context first, and no namespaces of a cluster that nobody is connected to', async () => {
  const { choices } = await watch();
  choices.refresh();
  await vi.waitFor(() => expect(choices.current).toEqual({ contexts: ['staging', 'production'], namespaces: [] }));
});

test.each<ConnectionState>([
  { kind: 'on', since },
  { kind: 'paused', since },
  { kind: 'degraded', since, reason },
  { kind: 'reconnecting', since, attempt: 1, reason },
])('has the namespaces of a connection that is $kind', async (state) => {
  const { choices, enter } = await watch();
  enter(state);
  await vi.waitFor(() => expect(choices.current.namespaces).toEqual(['cellar', 'shop']));
});

test('keeps them when the connection gets into trouble, whether or not the cluster answers', async () => {
  let isReachable = true;
  let asked = 0;
  const { choices, enter } = await watch({
    listNamespaces: async () => {
      asked += 1;
      if (!isReachable) throw new AppError({ code: 'cluster.unreachable', message: 'No route' });
      return { namespaces: ['cellar', 'shop'] };
    },
  });
  enter({ kind: 'on', since });
  await vi.waitFor(() => expect(choices.current.namespaces).toEqual(['cellar', 'shop']));
  isReachable = false;
  enter({ kind: 'degraded', since, reason });
  expect(choices.current.namespaces).toEqual(['cellar', 'shop']);
  // The same context: it is not asked again within a minute.
  expect(asked).toBe(1);
});

test('shows none of the former cluster', async () => {
  const { choices, enter } = await watch({
    listNamespaces: async ({ kubeFlags }) => {
      if (kubeFlags.context === 'production') throw new AppError({ code: 'cluster.unreachable', message: 'No route' });
      return { namespaces: ['cellar', 'shop'] };
    },
  });
  enter({ kind: 'on', since });
  await vi.waitFor(() => expect(choices.current.namespaces).toHaveLength(2));
  enter({ kind: 'degraded', since, reason }, 'production');
  await vi.waitFor(() => expect(choices.current).toEqual({ contexts: ['staging', 'production'], namespaces: [] }));
});
