import { silentLogger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { emptyState } from '#protocol/local-api/empty-state.ts';
import { type CallName, localApi } from '#protocol/local-api/local-api.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { type Handlers, untilAborted } from '../handlers.ts';
import { type ServerOptions, serveChannel } from '../server.ts';
import { listenUnix, type UnixListener } from '../unix-listener.ts';

export interface FakeDaemonOptions extends Partial<ServerOptions> {
  readonly path: string;
  /** Answers to the calls that a test is about; the others are refused. */
  readonly handlers?: Partial<Handlers>;
  /** Served by `watchState` as a snapshot, where no handler of the test's own does. */
  readonly state?: DaemonState;
}

/**
 * A daemon for tests of its clients: the real server on a real socket with handlers of the test. What these answer is checked
 * against the schema, so that a test cannot rely on something that no daemon would say.
 */
export async function startFakeDaemon(options: FakeDaemonOptions): Promise<UnixListener> {
  const handlers = checkedHandlers({ ...(options.state === undefined ? {} : stateHandler(options.state)), ...options.handlers });
  const server = { logger: silentLogger, ...options };
  const listener = await listenUnix(options.path, (channel) => serveChannel(channel, handlers, server));
  if (listener === undefined) throw new Error(`${options.path} is in use`);
  return listener;
}

/** A daemon's state without connections, changed as a test needs it. */
export function fakeState(change: Partial<DaemonState> = {}): DaemonState {
  const daemon: DaemonState['daemon'] = {
    version: '0.1.0',
    capabilities: [],
    pid: 4242,
    executable: '/opt/telepresence/daemon.js',
    installId: 'c0ffee',
    startedAt: '2026-01-01T00:00:00.000Z',
  };
  return { ...emptyState(daemon), ...change };
}

function stateHandler(state: DaemonState): Pick<Handlers, 'watchState'> {
  return {
    watchState: async (_input, { emit, signal }) => {
      emit({ kind: 'snapshot', revision: 1, state });
      await untilAborted(signal);
      return {};
    },
  };
}

type LooseHandler = (input: unknown, context: { emit(event: unknown): void; readonly signal: AbortSignal }) => Promise<unknown>;

/** All calls; what the given handlers answer is checked against the schema, the others are refused. */
export function checkedHandlers(handlers: Partial<Handlers>): Handlers {
  const names = Object.keys(localApi) as CallName[];
  return Object.fromEntries(names.map((name) => [name, checked(name, handlers[name] as LooseHandler | undefined)])) as Handlers;
}

function checked(name: CallName, handler: LooseHandler | undefined): LooseHandler {
  const schema = localApi[name];
  return async (input, context) => {
    if (handler === undefined) throw new AppError({ code: 'unsupported', message: `The fake daemon does not serve ${name}` });
    const emit = (event: unknown) => {
      if (!('event' in schema)) throw new TypeError(`${name} has no events`);
      context.emit(schema.event.parse(event));
    };
    return schema.output.parse(await handler(input, { emit, signal: context.signal }));
  };
}
