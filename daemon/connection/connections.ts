import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { LogLevel } from '#base/common/log.ts';
import { connectionsFile, engagementsFile, forgetEngagements, pausesFile } from '#base/node/desired-state.ts';
import type { HelperLaunch } from '#base/node/helper-launch.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection, ConnectRequest, Engagement, HealthCondition } from '#protocol/local-api/model.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { contextName } from '../kube/context-name.ts';
import { namespaceSocket } from '../rootless/start-namespace.ts';
import { CheckedThread } from './checked-thread.ts';
import { ConnectionThread, type ConnectionThreadOptions } from './connection-thread.ts';
import { DesiredConnections } from './desired-connections.ts';
import { introduceDnsServers } from './dns-peers.ts';
import { Pauses } from './pauses.ts';

/** A connection's thread as it is used here. */
export type Thread = Pick<ConnectionThread, 'call' | 'end'>;

interface Entry {
  readonly name: string;
  readonly request: ConnectRequest;
  readonly thread: Thread;
  readonly connected: Promise<Connection>;
  health: readonly HealthCondition[];
  /** When it came up, by the clock of `performance`. */
  upAt: number | undefined;
}

/** Between attempts to bring a wanted connection up again. */
const keepEveryMs = 3_000;

/** Condition of a connection that should have come back by itself. */
const notResumed = 'connection.not-resumed';

export interface ConnectProgress {
  stage(stage: string): void;
}

/** The connections of this daemon by name, and what becomes of them. */
export class Connections {
  readonly #daemon: DaemonContext;
  readonly #desired: DesiredConnections;
  readonly #entries = new Map<string, Entry>();
  /** What the user asked for and has not ended: kept up across crashes of a thread or of the daemon. */
  readonly #wanted = new Map<string, ConnectRequest>();
  /** The ends that are under way: the next connection of the name waits for them. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #openThread: (options: ConnectionThreadOptions) => Thread;
  readonly #pauses: Pauses;
  readonly #checked = new CheckedThread();
  readonly #onConnected: ((request: ConnectRequest, connection: Connection) => void)[] = [];
  #isEnding = false;

  constructor(daemon: DaemonContext, openThread = (options: ConnectionThreadOptions): Thread => new ConnectionThread(options)) {
    this.#daemon = daemon;
    this.#openThread = openThread;
    this.#desired = new DesiredConnections(connectionsFile(daemon.paths.runtimeDirectory), daemon.logger);
    this.#pauses = new Pauses(pausesFile(daemon.paths.runtimeDirectory), daemon.logger, (name) => void this.#pauseEnded(name));
    introduceDnsServers(daemon.state, (name, addresses) => {
      this.#entries
        .get(name)
        ?.thread.call('setDnsPeers', { addresses })
        .catch((error: unknown) => daemon.logger.debug('A connection was not told of the others', { connection: name, error }));
    });
  }

  /** Called with each connection that somebody asked for and got, also where it was there already. */
  onConnected(listener: (request: ConnectRequest, connection: Connection) => void): void {
    this.#onConnected.push(listener);
  }

  /** Brings up what an earlier daemon left when it ended without being told to. */
  restore(): void {
    for (const [name, request] of Object.entries(this.#desired.read())) {
      this.#wanted.set(name, request);
      void this.#keep(name);
    }
  }

  /**
   * Finds what a connect would be refused for without asking the cluster or for root.
   *
   * @throws AppError what `connect` would.
   */
  async check(request: ConnectRequest, signal: AbortSignal): Promise<void> {
    const name = request.name ?? defaultName(request);
    const existing = this.#existing(name, request);
    if (existing === undefined) await this.#checked.check(name, request, this.#startThread(name, request), signal);
    else this.#mustBeSame(existing, request);
  }

  /**
   * Opens a connection, or joins the one that is the same.
   *
   * @throws AppError `connection.must-restart` where one is there that differs.
   */
  async connect(
    request: ConnectRequest,
    progress: ConnectProgress,
    signal: AbortSignal,
  ): Promise<{ connection: Connection; alreadyConnected: boolean }> {
    const name = request.name ?? defaultName(request);
    const existing = this.#existing(name, request);
    if (existing !== undefined) {
      this.#mustBeSame(existing, request);
      await untilAborted(existing.connected, signal);
      // Who wants to be connected wants no pause.
      if (this.#pauses.get(existing.name) !== undefined) await this.#resume(existing, signal);
      const connection = this.#snapshot(existing.name);
      this.#tellConnected(request, connection);
      return { connection, alreadyConnected: true };
    }
    if (this.#closing.has(name)) {
      await untilAborted(this.#closing.get(name) ?? Promise.resolve(), signal);
      return await this.connect(request, progress, signal);
    }
    signal.throwIfAborted();
    const entry = this.#open(name, request);
    const cancel = () => void this.#close(entry);
    signal.addEventListener('abort', cancel, { once: true });
    const unsubscribe = this.#followStages(name, progress);
    try {
      const connection = await entry.connected;
      this.#wanted.set(name, request);
      this.#remember();
      this.#tellConnected(request, connection);
      return { connection, alreadyConnected: false };
    } catch (error) {
      if (signal.aborted) throw new AppError({ code: 'cancelled', message: 'The connect was cancelled' }, error);
      throw error;
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Takes the chosen connection off the laptop, or moves the end of its pause. Without `minutes` it has none. */
  async pause(use: string | undefined, minutes: number | undefined): Promise<Connection> {
    const entry = this.#find(use);
    await entry.connected;
    const since = this.#pauses.get(entry.name)?.since ?? new Date().toISOString();
    const until = minutes === undefined ? undefined : new Date(Date.now() + minutes * 60_000).toISOString();
    const pause = { since, ...(until === undefined ? {} : { until }) };
    await entry.thread.call('pause', pause);
    this.#pauses.set(entry.name, pause);
    return this.#snapshot(entry.name);
  }

  /** @throws AppError where the laptop's side cannot be made again: then it stays paused. */
  async resume(use: string | undefined, progress: ConnectProgress, signal: AbortSignal): Promise<Connection> {
    const entry = this.#find(use);
    await entry.connected;
    const unsubscribe = this.#followStages(entry.name, progress);
    try {
      await this.#resume(entry, signal);
      return this.#snapshot(entry.name);
    } finally {
      unsubscribe();
    }
  }

  /** The laptop woke up, or has another network: every connection is looked after at once. */
  checkNow(): void {
    this.#pauses.look();
    for (const { name, thread } of this.#entries.values()) {
      thread.call('checkNow', {}).catch((error: unknown) => {
        this.#daemon.logger.warn('A connection could not be looked after', { connection: name, error });
      });
    }
  }

  /** Ends the chosen connection, or the attempts to bring it up. Returns its name. */
  async disconnect(use: string | undefined): Promise<string[]> {
    const name = this.#choose(use, [...new Set([...this.#entries.keys(), ...this.#wanted.keys()])]);
    this.#forget(name);
    const entry = this.#entries.get(name);
    if (entry !== undefined) await this.#close(entry);
    forgetEngagements(this.#daemon.paths.runtimeDirectory, name);
    return [name];
  }

  /** Ends every connection, for good; waits for those that are being ended already, too. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const names = new Set([...this.#wanted.keys(), ...this.#entries.keys()]);
    this.#wanted.clear();
    this.#remember();
    this.#pauses.clearAll();
    await this.#checked.drop();
    await Promise.all([...this.#closing.values(), ...[...this.#entries.values()].map((entry) => this.#close(entry))]);
    for (const name of names) forgetEngagements(this.#daemon.paths.runtimeDirectory, name);
  }

  /** The thread of the only connection, or of the one that `use` matches. */
  thread(use: string | undefined): Thread {
    return this.#find(use).thread;
  }

  /** Of every connection: its thread's, and its helper's. */
  async setLogLevel(level: LogLevel, durationMs: number): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ thread }) => thread.call('setLogLevel', { level, durationMs })));
  }

  /** What the only connection, or the one that `use` matches, was asked for, and how it is. */
  target(use: string | undefined): { readonly request: ConnectRequest; readonly connection: Connection } {
    const { name, request } = this.#find(use);
    return { request, connection: this.#snapshot(name) };
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  #existing(name: string, request: ConnectRequest): Entry | undefined {
    return this.#entries.get(name) ?? (request.name === undefined ? this.#unnamed(request) : undefined);
  }

  #mustBeSame({ name, request }: Entry, wanted: ConnectRequest): void {
    if (!isSame(request, wanted)) throw mustRestart(name, this.#daemon.state.state.connections[name]);
  }

  #startThread(name: string, request: ConnectRequest): Thread {
    const { paths, env, installId, logger, processLogger, state } = this.#daemon;
    return this.#openThread({
      input: {
        name,
        request,
        helperSocket: request.mode === 'rootless' ? namespaceSocket(paths.runtimeDirectory, name) : paths.helperSocket,
        helper: helperLaunch(paths.helperInstance),
        configFile: paths.configFile,
        installId,
        pause: this.#pauses.get(name),
        logDirectory: paths.logDirectory,
        engagementsFile: engagementsFile(paths.runtimeDirectory, name),
        logFile: join(paths.logDirectory, `connection-${name}.log`),
        logLevel: processLogger.level,
        managerNamespaceEnv: env['TELEPRESENCE_MANAGER_NAMESPACE'],
      },
      logger,
      onChanged: (connection) => state.put('connections', name, connection),
      onHealth: (conditions) => this.#healthChanged(name, conditions),
      onEngagement: (engaged, engagement) => this.#engagementChanged(name, engaged, engagement),
      onCrashed: () => this.#crashed(name),
    });
  }

  #open(name: string, request: ConnectRequest): Entry {
    const thread = this.#checked.take(name, request) ?? this.#startThread(name, request);
    const connected = thread.call('connect', {});
    const entry: Entry = { name, request, thread, connected, health: [], upAt: undefined };
    this.#entries.set(name, entry);
    connected.then(
      () => (entry.upAt = performance.now()),
      () => void this.#close(entry),
    );
    return entry;
  }

  /** Resolves when it has ended, for everyone who asks. */
  async #close(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.name) === entry) {
      this.#entries.delete(entry.name);
      const ending = this.#end(entry).finally(() => this.#closing.delete(entry.name));
      this.#closing.set(entry.name, ending);
    }
    await this.#closing.get(entry.name);
  }

  async #end(entry: Entry): Promise<void> {
    try {
      await entry.thread.call('disconnect', {});
    } catch (error) {
      this.#daemon.logger.warn('A connection did not end in order', { connection: entry.name, error });
    }
    await entry.thread.end();
    this.#engagementsGone(entry.name);
    this.#healthChanged(entry.name, [], entry);
    this.#daemon.state.remove('connections', entry.name);
  }

  /** The helper undoes what the thread had made, since its lease ended with it; the connection is made anew. */
  #crashed(name: string): void {
    this.#checked.crashed(name);
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#engagementsGone(name);
    this.#healthChanged(name, [], entry);
    this.#daemon.state.remove('connections', name);
    // One that never came up fails for whoever waits for it.
    if (entry.upAt === undefined) return;
    void this.#keep(name, performance.now() - entry.upAt > keepEveryMs ? 0 : keepEveryMs);
  }

  /** Opens a wanted connection, again and again until it is up, or not wanted any more, or somebody else opened it. */
  async #keep(name: string, delayMs = 0): Promise<void> {
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    for (;;) {
      await this.#closing.get(name);
      const request = this.#wanted.get(name);
      if (request === undefined || this.#entries.has(name) || this.#isEnding) return;
      const entry = this.#open(name, request);
      try {
        await entry.connected;
        return;
      } catch (error) {
        this.#daemon.logger.warn('A wanted connection is not up yet', { connection: name, error });
        await this.#close(entry);
      }
      await sleep(keepEveryMs, undefined, { ref: false });
    }
  }

  #tellConnected(request: ConnectRequest, connection: Connection): void {
    for (const listener of this.#onConnected) listener(request, connection);
  }

  #followStages(name: string, progress: ConnectProgress): () => void {
    return this.#daemon.state.subscribe((event) => {
      if (event.kind !== 'delta' || event.collection !== 'connections' || event.id !== name) return;
      const state = (event.value as Connection | undefined)?.state;
      if (state?.kind === 'connecting') progress.stage(state.stage);
    });
  }

  async #resume({ name, thread }: Entry, signal?: AbortSignal): Promise<void> {
    await thread.call('resume', {}, signal === undefined ? {} : { signal });
    this.#pauses.clear(name);
    this.#daemon.health.clear(notResumed, name);
  }

  /** The time of a pause is over; what cannot come back then is somebody's to look at. Never rejects. */
  async #pauseEnded(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    // One that is about to come up begins without the pause.
    if (entry === undefined) return this.#pauses.clear(name);
    try {
      await entry.connected;
      await this.#resume(entry);
    } catch (thrown) {
      const { message } = AppError.from(thrown);
      this.#daemon.logger.warn('A pause is over, and the connection did not come back', { connection: name, error: thrown });
      const remedies = [{ label: 'Resume it', command: 'telepresence resume' }];
      const title = 'The pause is over, and the connection did not come back';
      this.#daemon.health.raise({ code: notResumed, severity: 'error', title, message, connection: name, remedies });
    }
  }

  #forget(name: string): void {
    this.#pauses.clear(name);
    this.#daemon.health.clear(notResumed, name);
    this.#wanted.delete(name);
    this.#remember();
  }

  #healthChanged(name: string, conditions: readonly HealthCondition[], ended?: Entry): void {
    const entry = ended ?? this.#entries.get(name);
    if (entry === undefined) return;
    const { state } = this.#daemon;
    const id = (code: string) => `${name}/${code}`;
    for (const { code } of entry.health) {
      if (!conditions.some((condition) => condition.code === code)) state.remove('health', id(code));
    }
    for (const condition of conditions) state.put('health', id(condition.code), condition);
    entry.health = conditions;
  }

  #engagementChanged(connection: string, name: string, engagement: Engagement | undefined): void {
    const { state } = this.#daemon;
    const id = `${connection}/${name}`;
    if (engagement === undefined) state.remove('engagements', id);
    else state.put('engagements', id, engagement);
  }

  #engagementsGone(connection: string): void {
    const { state } = this.#daemon;
    for (const [id, engagement] of Object.entries(state.state.engagements)) {
      if (engagement.connection === connection) state.remove('engagements', id);
    }
  }

  #unnamed(request: ConnectRequest): Entry | undefined {
    const all = [...this.#entries.values()];
    return all.find((entry) => isSame(entry.request, request)) ?? all[0];
  }

  #find(use: string | undefined): Entry {
    const name = this.#choose(use, [...this.#entries.keys()]);
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new AppError({ code: 'connection.none', message: `The connection "${name}" has just ended` });
  }

  /** A whole name wins over a part of others. */
  #choose(use: string | undefined, all: readonly string[]): string {
    const exact = all.filter((name) => name === use);
    const matching = use === undefined ? all : exact.length > 0 ? exact : all.filter((name) => expressionOf(use).test(name));
    const [only] = matching;
    if (only !== undefined && matching.length === 1) return only;
    const names = all.join(', ');
    if (all.length === 0) {
      throw new AppError({
        code: 'connection.none',
        message: 'Not connected',
        remedies: [{ label: 'Connect first', command: 'telepresence connect' }],
      });
    }
    if (use !== undefined && matching.length === 0) {
      throw new AppError({ code: 'connection.none', message: `No connection matches "${use}"`, reason: `They are ${names}` });
    }
    throw new AppError({
      code: 'connection.ambiguous',
      message: use === undefined ? 'There are several connections' : `"${use}" matches ${matching.length} connections`,
      reason: `They are ${names}`,
      remedies: [{ label: 'Choose one with --use, a regular expression that matches its name' }],
    });
  }

  #snapshot(name: string): Connection {
    const connection = this.#daemon.state.state.connections[name];
    if (connection !== undefined) return connection;
    throw new AppError({ code: 'connection.none', message: `The connection "${name}" has just ended` });
  }

  #remember(): void {
    try {
      this.#desired.write(Object.fromEntries(this.#wanted));
    } catch (error) {
      this.#daemon.logger.warn('What is wanted could not be kept: it would not survive a crash', { error });
    }
  }
}

/** The helper's program lies beside this one's, as a bundle or as a source. */
export function helperLaunch(instance: string): HelperLaunch {
  const script = import.meta.url.endsWith('.ts') ? '../../helper/main.ts' : './helper.js';
  const uid = process.getuid?.() ?? 0;
  return {
    nodePath: process.execPath,
    helperScript: fileURLToPath(new URL(script, import.meta.url)),
    instance,
    uid,
    asRoot: uid === 0,
  };
}

/** Context and namespace, in letters that a file name and a regular expression take as they are. */
function defaultName(request: ConnectRequest): string {
  const target = contextName(request);
  return `${target.context}-${request.namespace ?? target.namespace}`
    .replace(/[^a-zA-Z0-9._-]+/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '')
    .slice(0, 63);
}

function isSame(a: ConnectRequest, b: ConnectRequest): boolean {
  const essence = ({ name: _name, ...request }: ConnectRequest) => JSON.parse(JSON.stringify(request)) as unknown;
  return isDeepStrictEqual(essence(a), essence(b));
}

function expressionOf(use: string): RegExp {
  try {
    return new RegExp(use);
  } catch (error) {
    throw new AppError({ code: 'usage', message: `"${use}" is not a regular expression`, reason: '--use takes one' }, error);
  }
}

function mustRestart(name: string, connection: Connection | undefined): AppError {
  const where = connection === undefined ? '' : ` to context ${connection.context}, namespace ${connection.namespace},`;
  return new AppError({
    code: 'connection.must-restart',
    message: `Connected already, as "${name}",${where} with other flags`,
    reason: 'A connection keeps the flags that it was made with',
    remedies: [{ label: 'End it first', command: 'telepresence quit' }, { label: 'Or open a second connection, with --name' }],
  });
}
