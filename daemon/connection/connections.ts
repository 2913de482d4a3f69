import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection, ConnectRequest, HealthCondition } from '#protocol/local-api/model.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { ConnectionThread } from './connection-thread.ts';
import { DesiredConnections } from './desired-connections.ts';

interface Entry {
  readonly name: string;
  readonly request: ConnectRequest;
  readonly thread: ConnectionThread;
  readonly connected: Promise<Connection>;
  health: readonly HealthCondition[];
}

export interface ConnectProgress {
  stage(stage: string): void;
}

/** The connections of this daemon by name, and what becomes of them. */
export class Connections {
  readonly #daemon: DaemonContext;
  readonly #desired: DesiredConnections;
  readonly #entries = new Map<string, Entry>();

  constructor(daemon: DaemonContext) {
    this.#daemon = daemon;
    this.#desired = new DesiredConnections(join(daemon.paths.runtimeDirectory, 'connections.json'), daemon.logger);
  }

  /** Brings up what an earlier daemon left when it ended without being told to. */
  restore(): void {
    for (const [name, request] of Object.entries(this.#desired.read())) {
      this.#open(name, request).connected.catch((error: unknown) => {
        this.#daemon.logger.warn('A connection of before could not be restored', { connection: name, error });
      });
    }
  }

  /**
   * Opens a connection, or joins the one that is the same.
   *
   * @throws AppError `connection.must-restart` where one is there that differs.
   */
  async connect(request: ConnectRequest, progress: ConnectProgress, signal: AbortSignal): Promise<{ connection: Connection; alreadyConnected: boolean }> {
    const name = request.name ?? defaultName(request);
    const existing = this.#entries.get(name) ?? (request.name === undefined ? this.#entries.values().next().value : undefined);
    if (existing !== undefined) {
      if (!isSame(existing.request, request)) throw mustRestart(existing.name, this.#snapshot(existing.name));
      await existing.connected;
      return { connection: this.#snapshot(existing.name), alreadyConnected: true };
    }
    const entry = this.#open(name, request);
    const cancel = () => void this.#close(entry);
    signal.addEventListener('abort', cancel, { once: true });
    const unsubscribe = this.#daemon.state.subscribe((event) => {
      if (event.kind !== 'delta' || event.collection !== 'connections' || event.id !== name) return;
      const state = (event.value as Connection | undefined)?.state;
      if (state?.kind === 'connecting') progress.stage(state.stage);
    });
    try {
      return { connection: await entry.connected, alreadyConnected: false };
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Ends the chosen connection, or all where `use` is absent. Returns the names. */
  async disconnect(use: string | undefined): Promise<string[]> {
    const entries = use === undefined ? [...this.#entries.values()] : [this.#find(use)];
    await Promise.all(entries.map((entry) => this.#close(entry)));
    return entries.map(({ name }) => name);
  }

  /** The thread of the only connection, or of the one that `use` matches. */
  thread(use: string | undefined): ConnectionThread {
    return this.#find(use).thread;
  }

  threads(): ConnectionThread[] {
    return [...this.#entries.values()].map(({ thread }) => thread);
  }

  #open(name: string, request: ConnectRequest): Entry {
    const { paths, env, installId, logger, processLogger, state } = this.#daemon;
    const thread = new ConnectionThread({
      input: {
        name,
        request,
        helperSocket: paths.helperSocket,
        configFile: paths.configFile,
        installId,
        logDirectory: paths.logDirectory,
        logFile: join(paths.logDirectory, `connection-${name}.log`),
        logLevel: processLogger.level,
        managerNamespaceEnv: env['TELEPRESENCE_MANAGER_NAMESPACE'],
      },
      logger,
      onChanged: (connection) => state.put('connections', name, connection),
      onHealth: (conditions) => this.#healthChanged(name, conditions),
      onCrashed: () => this.#crashed(name),
    });
    const connected = thread.call('connect', {});
    const entry: Entry = { name, request, thread, connected, health: [] };
    this.#entries.set(name, entry);
    this.#remember();
    connected.catch(() => void this.#close(entry));
    return entry;
  }

  async #close(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.name) !== entry) return;
    this.#entries.delete(entry.name);
    this.#remember();
    try {
      await entry.thread.call('disconnect', {});
    } catch (error) {
      this.#daemon.logger.warn('A connection did not end in order', { connection: entry.name, error });
    }
    await entry.thread.end();
    this.#healthChanged(entry.name, [], entry);
    this.#daemon.state.remove('connections', entry.name);
  }

  /** The helper undoes what the thread had made, since its lease ended with it; the connection is made anew. */
  #crashed(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#open(name, entry.request);
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

  #find(use: string | undefined): Entry {
    const all = [...this.#entries.values()];
    const matching = use === undefined ? all : all.filter(({ name }) => new RegExp(use).test(name));
    const [only] = matching;
    if (only !== undefined && matching.length === 1) return only;
    const names = all.map(({ name }) => name).join(', ');
    if (all.length === 0) {
      throw new AppError({
        code: 'connection.none',
        message: 'Not connected',
        remedies: [{ label: 'Connect first', command: 'telepresence connect' }],
      });
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
    this.#desired.write(Object.fromEntries([...this.#entries.values()].map(({ name, request }) => [name, request])));
  }
}

/** Context and namespace, in letters that a file name and a regular expression take as they are. */
function defaultName(request: ConnectRequest): string {
  const target = loadKubeconfig(request);
  return `${target.context}-${request.namespace ?? target.namespace}`.replace(/[^a-zA-Z0-9._-]+/g, '-').replace(/^[^a-zA-Z0-9]+/, '').slice(0, 63);
}

function isSame(a: ConnectRequest, b: ConnectRequest): boolean {
  const essence = ({ name: _name, ...request }: ConnectRequest) => JSON.parse(JSON.stringify(request)) as unknown;
  return isDeepStrictEqual(essence(a), essence(b));
}

function mustRestart(name: string, connection: Connection): AppError {
  return new AppError({
    code: 'connection.must-restart',
    message: `Connected already, as "${name}", to context ${connection.context}, namespace ${connection.namespace}, with other flags`,
    reason: 'A connection keeps the flags that it was made with',
    remedies: [
      { label: 'End it first', command: 'telepresence quit' },
      { label: 'Or open a second connection, with --name' },
    ],
  });
}
