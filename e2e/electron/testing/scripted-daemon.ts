import type { Handlers } from '#net/rpc/handlers.ts';
import { untilAborted } from '#net/rpc/handlers.ts';
import { fakeState, startFakeDaemon } from '#net/rpc/testing/fake-daemon.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';

/** A daemon whose state a test changes, and which remembers what it was asked. */
export interface ScriptedDaemon {
  readonly calls: { readonly name: string; readonly input: unknown }[];
  set(change: Partial<DaemonState>): void;
  /** Resolves with the input of the next call of that name, or of the latest. */
  called(name: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Answers of a daemon to what the app asks of its own accord. */
const noChoices: Partial<Handlers> = {
  listContexts: async () => ({
    contexts: ['staging', 'production'].map((name) => ({
      name,
      cluster: name,
      user: 'me',
      namespace: 'default',
      server: 'https://10.0.0.1:6443',
      current: name === 'staging',
    })),
  }),
  listNamespaces: async () => ({ namespaces: ['cellar', 'shop'] }),
  powerEvent: async () => ({}),
};

export async function startScriptedDaemon(path: string, handlers: Partial<Handlers> = {}): Promise<ScriptedDaemon> {
  let state = fakeState();
  let revision = 1;
  const watchers = new Set<() => void>();
  const calls: { name: string; input: unknown }[] = [];
  const waiting = new Set<() => void>();
  const recorded = Object.fromEntries(
    Object.entries({ ...noChoices, ...handlers }).map(([name, handler]) => [
      name,
      async (input: unknown, context: unknown) => {
        calls.push({ name, input });
        for (const look of waiting) look();
        return await (handler as (input: unknown, context: unknown) => Promise<unknown>)(input, context);
      },
    ]),
  ) as Partial<Handlers>;
  const listener = await startFakeDaemon({
    path,
    handlers: {
      ...recorded,
      watchState: async (_input, { emit, signal }) => {
        const tell = () => emit({ kind: 'snapshot', revision, state });
        watchers.add(tell);
        tell();
        await untilAborted(signal);
        watchers.delete(tell);
        return {};
      },
    },
  });
  return {
    calls,
    set(change) {
      state = { ...state, ...change };
      revision += 1;
      for (const tell of watchers) tell();
    },
    async called(name) {
      for (;;) {
        const found = calls.findLast((call) => call.name === name);
        if (found !== undefined) return found.input;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
    },
    close: () => listener.close(),
  };
}
