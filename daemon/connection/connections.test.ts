import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { silentLogger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection, ConnectRequest } from '#protocol/local-api/model.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { HealthRegistry } from '../state/health-registry.ts';
import { StateStore } from '../state/state-store.ts';
import type { ConnectionThreadOptions } from './connection-thread.ts';
import { Connections, type Thread } from './connections.ts';
import { DesiredConnections } from './desired-connections.ts';

/** A thread without a thread: its connection does what the test says. */
class FakeThread implements Thread {
  readonly options: ConnectionThreadOptions;
  readonly connecting: Deferred<Connection> = deferred();
  disconnecting: Deferred<void> = deferred();
  readonly calls: string[] = [];
  refused: AppError | undefined;

  constructor(options: ConnectionThreadOptions) {
    this.options = options;
    this.disconnecting.resolve();
  }

  get snapshot(): Connection {
    return {
      name: this.options.input.name,
      state: { kind: 'on', since: new Date(0).toISOString() },
      mode: 'host',
      context: 'one',
      server: 'https://127.0.0.1:6443',
      namespace: 'default',
      managerNamespace: 'ambassador',
      mappedNamespaces: [],
      stageTimesMs: {},
      transport: { forwards: 1, streams: 0 },
    };
  }

  isUp(): void {
    this.options.onChanged(this.snapshot);
    this.connecting.resolve(this.snapshot);
  }

  crash(): void {
    const error = new AppError({ code: 'internal', message: 'crashed' });
    this.connecting.reject(error);
    this.options.onCrashed(error);
  }

  call = (async (name: string) => {
    this.calls.push(name);
    if (name === 'connect') return await this.connecting.promise;
    if (this.refused !== undefined) throw this.refused;
    if (name !== 'disconnect') return {};
    this.connecting.reject(new AppError({ code: 'cancelled', message: 'ended' }));
    await this.disconnecting.promise;
    return {};
  }) as Thread['call'];

  async end(): Promise<void> {
    this.calls.push('end');
  }
}

describe('connections', () => {
  let directory: string;
  let threads: FakeThread[];
  let daemon: DaemonContext;
  let connections: Connections;
  let request: ConnectRequest;
  const progress = { stage: () => undefined };
  const never = new AbortController().signal;
  const file = () => join(directory, 'runtime', 'connections.json');
  const make = (prepare: (thread: FakeThread) => void = () => undefined) => {
    const opened = new Connections(daemon, (options) => {
      const thread = new FakeThread(options);
      prepare(thread);
      threads.push(thread);
      return thread;
    });
    return opened;
  };
  const connect = async (change: Partial<ConnectRequest> = {}, signal = never) =>
    await connections.connect({ ...request, ...change }, progress, signal);
  const connectNow = async (change: Partial<ConnectRequest> = {}) => {
    const connecting = connect(change);
    threads.at(-1)?.isUp();
    return await connecting;
  };
  const thread = (index: number) => {
    const found = threads[index];
    if (found === undefined) throw new Error(`No thread ${index}`);
    return found;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'connections-'));
    const kubeconfig = join(directory, 'config');
    const contexts = ['one', 'two'].map((name) => `- {name: ${name}, context: {cluster: c, user: u}}`).join('\n');
    writeFileSync(
      kubeconfig,
      `current-context: one\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:6443"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts:\n${contexts}\n`,
    );
    request = { kubeFlags: { kubeconfig } };
    threads = [];
    const state = new StateStore({} as ConstructorParameters<typeof StateStore>[0]);
    daemon = {
      paths: {
        runtimeDirectory: join(directory, 'runtime'),
        logDirectory: directory,
        helperSocket: '',
        configFile: '',
      } as DaemonContext['paths'],
      env: {},
      logger: silentLogger,
      processLogger: { level: 'info', setLevel: () => undefined },
      state,
      tasks: undefined as unknown as DaemonContext['tasks'],
      health: new HealthRegistry(state),
      installId: 'install',
      onQuit: () => undefined,
      onLogLevel: () => undefined,
      passLogLevelOn: async () => false,
      shutDown: async () => undefined,
    };
    connections = make();
  });

  afterEach(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true, force: true });
  });

  it('has every thread log at the level that somebody wants', async () => {
    await connectNow({ name: 'a' });
    await connectNow({ name: 'b', kubeFlags: { ...request.kubeFlags, context: 'two' } });
    await connections.setLogLevel('debug', 60_000);
    expect(threads.map(({ calls }) => calls.at(-1))).toEqual(['setLogLevel', 'setLogLevel']);
  });

  it('have a name from context and namespace, and are kept in a file that only the user reads', async () => {
    expect(await connectNow()).toMatchObject({ alreadyConnected: false, connection: { name: 'one-default' } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ 'one-default': request });
    await connections.disconnect(undefined);
    expect(existsSync(file())).toBe(false);
    expect(thread(0).calls).toEqual(['connect', 'disconnect', 'end']);
    expect(daemon.state.state.connections).toEqual({});
  });

  it('are joined by a connect with the same flags', async () => {
    await connectNow();
    expect(await connect()).toMatchObject({ alreadyConnected: true, connection: { name: 'one-default' } });
    expect(threads).toHaveLength(1);
  });

  it('that were checked begin in the thread that did so', async () => {
    await connections.check(request, never);
    await connections.check({ ...request, name: 'other' }, never);
    await connections.check(request, never);
    expect(threads.map(({ calls }) => calls)).toEqual([['check', 'end'], ['check', 'end'], ['check']]);
    await connectNow();
    expect(thread(2).calls).toEqual(['check', 'connect']);
    await connections.check(request, never);
    await expect(connections.check({ ...request, vnat: ['all'] }, never)).rejects.toMatchObject({
      code: 'connection.must-restart',
    });
    expect(threads).toHaveLength(3);
  });

  it('that are refused by a check, or crash or are not made after it, leave nothing', async () => {
    const refused = new AppError({ code: 'kubeconfig.no-context', message: 'none' });
    connections = make((fake) => (fake.refused = refused));
    await expect(connections.check(request, never)).rejects.toBe(refused);
    expect(thread(0).calls).toEqual(['check', 'end']);
    connections = make();
    await connections.check(request, never);
    thread(1).crash();
    await connections.check({ ...request, name: 'other' }, never);
    await connections.end();
    expect(thread(2).calls).toEqual(['check', 'end']);
    expect(connections.isEmpty).toBe(true);
  });

  it('have to be ended before a connect with others', async () => {
    await connectNow();
    await expect(connect({ namespace: 'other' })).rejects.toMatchObject({ code: 'connection.must-restart' });
    await expect(connect({ alsoProxy: ['10.0.0.0/8'] })).rejects.toMatchObject({ code: 'connection.must-restart' });
    expect(threads).toHaveLength(1);
  });

  it('say so even while nothing is known of them', async () => {
    const first = connect();
    await expect(connect({ namespace: 'other' })).rejects.toMatchObject({ code: 'connection.must-restart' });
    thread(0).isUp();
    await first;
  });

  it('stand side by side under names of their own, and a connect joins the one that is the same', async () => {
    await connectNow({ name: 'a' });
    await connectNow({ name: 'b', kubeFlags: { ...request.kubeFlags, context: 'two' } });
    expect(await connect({ kubeFlags: { ...request.kubeFlags, context: 'two' } })).toMatchObject({
      alreadyConnected: true,
      connection: { name: 'b' },
    });
  });

  it('are chosen by a regular expression, a whole name first', async () => {
    await connectNow({ name: 'dev' });
    await connectNow({ name: 'dev-2' });
    expect(connections.thread('dev')).toBe(thread(0));
    expect(connections.thread('2$')).toBe(thread(1));
    expect(() => connections.thread('d')).toThrow(
      expect.objectContaining({ code: 'connection.ambiguous', reason: 'They are dev, dev-2' }),
    );
    expect(() => connections.thread(undefined)).toThrow(expect.objectContaining({ code: 'connection.ambiguous' }));
    expect(() => connections.thread('prod')).toThrow(
      expect.objectContaining({ code: 'connection.none', message: 'No connection matches "prod"' }),
    );
    expect(() => connections.thread('(')).toThrow(expect.objectContaining({ code: 'usage' }));
    await expect(connections.disconnect('dev-2')).resolves.toEqual(['dev-2']);
    await expect(connections.disconnect(undefined)).resolves.toEqual(['dev']);
    await expect(connections.disconnect(undefined)).rejects.toMatchObject({ code: 'connection.none', message: 'Not connected' });
  });

  it('that fail to come up are gone, with their trouble', async () => {
    const connecting = connect();
    thread(0).options.onHealth([
      {
        code: 'x',
        severity: 'error',
        title: 'x',
        message: 'x',
        since: '',
        dependsOn: [],
        remedies: [],
        connection: 'one-default',
      },
    ]);
    expect(Object.keys(daemon.state.state.health)).toEqual(['one-default/x']);
    thread(0).connecting.reject(new AppError({ code: 'manager.not-installed', message: 'no' }));
    await expect(connecting).rejects.toMatchObject({ code: 'manager.not-installed' });
    await expect.poll(() => thread(0).calls).toContain('end');
    await expect.poll(() => daemon.state.state.health).toEqual({});
    expect(existsSync(file())).toBe(false);
  });

  it('end when their connect is cancelled', async () => {
    const cancel = new AbortController();
    const connecting = connect({}, cancel.signal);
    cancel.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => thread(0).calls).toEqual(['connect', 'disconnect', 'end']);
    expect(existsSync(file())).toBe(false);
  });

  it('are not begun by a connect that was cancelled before', async () => {
    await expect(connect({}, AbortSignal.abort())).rejects.toThrow();
    expect(threads).toHaveLength(0);
  });

  it('go on when somebody who waits for them, too, gives up', async () => {
    const first = connect();
    const cancel = new AbortController();
    const second = connect({}, cancel.signal);
    cancel.abort();
    await expect(second).rejects.toThrow();
    thread(0).isUp();
    await expect(first).resolves.toMatchObject({ alreadyConnected: false });
  });

  it('wait for the end of the one before them', async () => {
    await connectNow();
    thread(0).disconnecting = deferred();
    const disconnecting = connections.disconnect(undefined);
    const connecting = connect();
    await new Promise((resolve) => setImmediate(resolve));
    expect(threads).toHaveLength(1);
    thread(0).disconnecting.resolve();
    await disconnecting;
    await expect.poll(() => threads.length).toBe(2);
    thread(1).isUp();
    await expect(connecting).resolves.toMatchObject({ alreadyConnected: false });
    expect(Object.keys(daemon.state.state.connections)).toEqual(['one-default']);
  });

  it('have all ended when the daemon ends, also those that were being ended', async () => {
    await connectNow();
    thread(0).disconnecting = deferred();
    const disconnecting = connections.disconnect(undefined);
    let hasEnded = false;
    const ending = connections.end().then(() => (hasEnded = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasEnded).toBe(false);
    thread(0).disconnecting.resolve();
    await Promise.all([ending, disconnecting]);
  });

  describe('whose thread crashes', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });

    it('come up again at once after they were up for long', async () => {
      await connectNow();
      await vi.advanceTimersByTimeAsync(60_000);
      thread(0).crash();
      await vi.advanceTimersByTimeAsync(0);
      expect(threads).toHaveLength(2);
      thread(1).isUp();
      await vi.advanceTimersByTimeAsync(0);
      expect(Object.keys(daemon.state.state.connections)).toEqual(['one-default']);
    });

    it('do not come up again without a pause', async () => {
      await connectNow();
      for (let count = 0; count < 5; count += 1) {
        threads.at(-1)?.isUp();
        await vi.advanceTimersByTimeAsync(1);
        threads.at(-1)?.crash();
        await vi.advanceTimersByTimeAsync(1);
      }
      expect(threads.length).toBeLessThanOrEqual(2);
    });

    it('fail for who waits where they never were up, and stay away', async () => {
      const connecting = connect();
      thread(0).crash();
      await expect(connecting).rejects.toMatchObject({ code: 'internal' });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(threads).toHaveLength(1);
    });

    it('are tried until they are up, or ended by the user', async () => {
      await connectNow();
      await vi.advanceTimersByTimeAsync(60_000);
      thread(0).crash();
      await vi.advanceTimersByTimeAsync(0);
      thread(1).connecting.reject(new AppError({ code: 'cluster.unreachable', message: 'no' }));
      await vi.advanceTimersByTimeAsync(100);
      expect(threads).toHaveLength(2);
      await expect(connections.disconnect(undefined)).resolves.toEqual(['one-default']);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(threads).toHaveLength(2);
    });
  });

  it('of a daemon that was killed come up again', async () => {
    await connectNow();
    connections = make();
    connections.restore();
    await expect.poll(() => threads.length).toBe(2);
    expect(thread(1).options.input).toMatchObject({ name: 'one-default', request });
  });

  it('are paused, by their threads, until they are resumed, and begin paused after a crash of the daemon', async () => {
    await connectNow();
    const until = new Date(Date.now() + 15 * 60_000);
    await connections.pause(undefined, 15);
    expect(thread(0).calls).toContain('pause');
    connections = make();
    connections.restore();
    await expect.poll(() => threads.length).toBe(2);
    const { pause } = thread(1).options.input;
    expect(Math.abs(Date.parse(pause?.until ?? '') - until.getTime())).toBeLessThan(60_000);
    thread(1).isUp();
    await connections.resume(undefined, progress, never);
    expect(thread(1).calls).toContain('resume');
    connections = make();
    connections.restore();
    await expect.poll(() => threads.length).toBe(3);
    expect(thread(2).options.input.pause).toBeUndefined();
  });

  it('are resumed by a connect, and forget their pause when they are ended', async () => {
    await connectNow();
    await connections.pause(undefined, undefined);
    await connect();
    expect(thread(0).calls.slice(-2)).toEqual(['pause', 'resume']);
    await connections.pause(undefined, undefined);
    await connections.disconnect(undefined);
    await connectNow();
    expect(thread(1).options.input.pause).toBeUndefined();
  });

  it('say so where they did not come back after a pause', async () => {
    vi.useFakeTimers();
    await connectNow();
    await connections.pause(undefined, 1);
    thread(0).refused = new AppError({ code: 'helper.not-running', message: 'no helper' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(daemon.state.state.health).toMatchObject({ 'one-default/connection.not-resumed': { message: 'no helper' } });
    thread(0).refused = undefined;
    await connections.resume(undefined, progress, never);
    expect(daemon.state.state.health).toEqual({});
  });

  it('begin with none where the file is broken', () => {
    mkdirSync(join(directory, 'runtime'), { recursive: true });
    for (const text of ['', '{', '[]', '{"a": {"kubeFlags": {"token": 5}}}', '{"a": 1}']) {
      writeFileSync(file(), text);
      expect(new DesiredConnections(file(), silentLogger).read()).toEqual({});
    }
  });

  it('connect although they cannot be kept in the file', async () => {
    writeFileSync(join(directory, 'runtime'), 'not a directory');
    await expect(connectNow()).resolves.toMatchObject({ alreadyConnected: false });
  });
});
