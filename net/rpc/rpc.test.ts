import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '#base/common/deferred.ts';
import { productVersion } from '#base/common/version.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { connectApi } from './connect-api.ts';
import { type Handlers, untilAborted } from './handlers.ts';
import { type FakeDaemonOptions, fakeState, startFakeDaemon } from './testing/fake-daemon.ts';

let directory = '';
let path = '';
const closers: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  path = join(directory, 'daemon.sock');
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(handlers: Partial<Handlers>, options: Partial<FakeDaemonOptions> = {}) {
  const listener = await startFakeDaemon({ path, handlers, ...options });
  closers.push(() => listener.close());
}

async function open(options: Parameters<typeof connectApi>[1] = {}) {
  const api = await connectApi(path, options);
  closers.push(() => api.close());
  return api;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as AppError,
  );

describe('calls', () => {
  it('carries input, events in order, and output', async () => {
    await serve({
      uninstall: async (input, { emit }) => {
        emit({ stage: 'one' });
        emit({ stage: 'two' });
        return { removed: [String(input.dryRun)], namespace: input.managerNamespace ?? '' };
      },
    });
    const stages: string[] = [];
    const api = await open();
    const input = { kubeFlags: {}, managerNamespace: 'ambassador', dryRun: true };
    const output = await api.call('uninstall', input, { onEvent: ({ stage }) => stages.push(stage) });
    expect(output).toEqual({ removed: ['true'], namespace: 'ambassador' });
    expect(stages).toEqual(['one', 'two']);
  });

  it('answers calls of one client as each of them ends', async () => {
    const first = deferred<void>();
    await serve({
      listNamespaces: async () => {
        await first.promise;
        return { namespaces: ['late'] };
      },
      listContexts: async () => ({ contexts: [] }),
    });
    const api = await open();
    const late = api.call('listNamespaces', { kubeFlags: {} });
    expect(await api.call('listContexts', { kubeFlags: {} })).toEqual({ contexts: [] });
    first.resolve();
    expect(await late).toEqual({ namespaces: ['late'] });
  });

  it('refuses input that the schema does not have, naming the member', async () => {
    await serve({ cancelTask: async () => ({}) });
    const api = await open();
    const error = await failure(api.call('cancelTask', { id: 7 } as never));
    expect(error).toMatchObject({ code: 'usage' });
    expect(error.reason).toContain('id');
    expect(await failure(api.call('cancelTask', { id: 'a', more: 1 } as never))).toMatchObject({ code: 'usage' });
    expect(await failure(api.call('toString' as never, {} as never))).toMatchObject({ code: 'unsupported' });
  });

  it('carries errors with reason, context and remedies, and anything else as internal', async () => {
    const data = {
      code: 'manager.not-installed',
      message: 'There is no traffic-manager',
      reason: 'no Deployment',
      context: { namespace: 'ambassador' },
      remedies: [{ label: 'Install it', command: 'telepresence helm install' }],
    } as const;
    await serve({
      listWorkloads: () => Promise.reject(new AppError(data)),
      lintValues: () => Promise.reject(new RangeError('broken')),
    });
    const api = await open();
    expect((await failure(api.call('listWorkloads', {}))).toData()).toEqual(data);
    expect((await failure(api.call('lintValues', { values: [] }))).toData()).toEqual({ code: 'internal', message: 'broken' });
  });

  it('aborts the handler of a cancelled call and reports what that answers', async () => {
    await serve({
      connect: async (_input, { emit, signal }) => {
        emit({ stage: 'api' });
        await untilAborted(signal);
        throw signal.reason;
      },
    });
    const api = await open();
    const abort = new AbortController();
    const error = await failure(api.call('connect', { kubeFlags: {} }, { signal: abort.signal, onEvent: () => abort.abort() }));
    expect(error.code).toBe('cancelled');
  });

  it('fails running and later calls when the daemon goes away', async () => {
    const listener = await startFakeDaemon({ path, handlers: { listWorkloads: () => new Promise(() => undefined) } });
    const api = await open();
    const running = failure(api.call('listWorkloads', {}));
    await listener.close();
    expect((await running).code).toBe('daemon.lost');
    await api.closed;
    expect((await failure(api.call('listWorkloads', {}))).code).toBe('daemon.lost');
  });
});

describe('clients that leave', () => {
  it('ends their calls and subscriptions, but lets a connect go on', async () => {
    const aborted = deferred<string>();
    const connecting = deferred<AbortSignal>();
    await serve({
      listWorkloads: async (_input, { signal }) => {
        await untilAborted(signal);
        aborted.resolve('listWorkloads');
        throw signal.reason;
      },
      connect: (_input, { signal }) => {
        connecting.resolve(signal);
        return new Promise(() => undefined);
      },
    });
    const api = await connectApi(path);
    const calls = [failure(api.call('connect', { kubeFlags: {} })), failure(api.call('listWorkloads', {}))];
    const connectSignal = await connecting.promise;
    api.close();
    expect(await aborted.promise).toBe('listWorkloads');
    expect(connectSignal.aborted).toBe(false);
    await Promise.all(calls);
  });
});

describe('versions', () => {
  it('refuses a client of another version, which may still make the daemon quit', async () => {
    await serve({ quit: async () => ({}) });
    const error = await failure(connectApi(path, { version: '9.9.9' }));
    expect(error).toMatchObject({ code: 'version-mismatch', context: { daemonVersion: productVersion, clientVersion: '9.9.9' } });
    const api = await open({ version: '9.9.9', isQuitOnly: true });
    expect(await failure(api.call('listWorkloads', {}))).toMatchObject({ code: 'version-mismatch' });
    expect(await api.call('quit', {})).toEqual({});
  });
});

describe('slow subscribers', () => {
  it('drops the subscription with an error and keeps the connection usable', async () => {
    const dropped = deferred<AppError>();
    const listing = deferred<void>();
    const pad = 'x'.repeat(10_000);
    await serve(
      {
        watchWorkloads: async (_input, { emit, signal }) => {
          while (!signal.aborted) {
            emit({
              kind: 'snapshot',
              workloads: [{ kind: 'Deployment', name: pad, namespace: '', state: 'unknown', agent: 'none', interceptedBy: [] }],
            });
            await new Promise((resolve) => setImmediate(resolve));
          }
          dropped.resolve(signal.reason as AppError);
          return {};
        },
        listContexts: async () => {
          listing.resolve();
          return { contexts: [] };
        },
      },
      { maxBufferedBytes: 100_000 },
    );
    const socket = await rawClient();
    socket.write(`${JSON.stringify({ id: 1, call: 'watchWorkloads', input: {} })}\n`);
    socket.pause();
    expect((await dropped.promise).code).toBe('subscription.lagging');
    socket.write(`${JSON.stringify({ id: 2, call: 'listContexts', input: { kubeFlags: {} } })}\n`);
    await listing.promise;
    const lines = await readLines(socket, (line) => line.includes('"id":2'));
    expect(lines.at(-2)).toContain('subscription.lagging');
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ id: 2, output: { contexts: [] } });
  });
});

describe('bytes', () => {
  it('reads messages that arrive one byte at a time, and several at once', async () => {
    await serve({ listContexts: async () => ({ contexts: [] }) });
    const socket = await rawClient();
    const calls = [1, 2]
      .map((id) => `${JSON.stringify({ id, call: 'listContexts', input: { kubeFlags: { context: 'ü' } } })}\n`)
      .join('');
    for (const byte of Buffer.from(calls)) socket.write(Uint8Array.of(byte));
    const lines = await readLines(socket, (line) => line.includes('"id":2'));
    expect(lines).toHaveLength(2);
  });

  it.each(['not json\n', '[]\n', '{"id":"x"}\n', '{"id":0,"call":"listContexts"}\n'])(
    'ends a connection that sends %j',
    async (text) => {
      await serve({});
      const socket = await rawClient();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.on('error', () => undefined);
      socket.write(text);
      socket.resume();
      await closed;
    },
  );
});

describe('state', () => {
  it('says that no daemon runs where none does', async () => {
    expect((await failure(connectApi(path))).code).toBe('daemon.not-running');
  });

  it('serves the snapshot of a fake daemon', async () => {
    await serve({}, { state: fakeState() });
    const { readState } = await import('./state-mirror.ts');
    expect((await readState(await open())).daemon.pid).toBe(4242);
  });
});

/** A connection after its greeting, without the client's code. */
async function rawClient(): Promise<Socket> {
  const socket = connect(path);
  closers.push(() => socket.destroy());
  socket.write(`${JSON.stringify({ hello: productVersion })}\n`);
  await readLines(socket, (line) => line.includes('hello'));
  return socket;
}

function readLines(socket: Socket, isLast: (line: string) => boolean): Promise<string[]> {
  return new Promise((resolve) => {
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n').slice(0, -1);
      if (!lines.some(isLast)) return;
      socket.off('data', onData);
      socket.pause();
      resolve(lines);
    };
    socket.on('data', onData);
    socket.resume();
  });
}
