import type { ProcessLogger } from '#base/node/logger.ts';
import type { Paths } from '#base/node/paths.ts';
import { productVersion } from '#base/common/version.ts';
import { deferred } from '#base/common/deferred.ts';
import { serveChannel } from '#net/rpc/server.ts';
import { listenUnix } from '#net/rpc/unix-listener.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { HealthRegistry } from '../state/health-registry.ts';
import { StateStore } from '../state/state-store.ts';
import { TaskRegistry } from '../state/task-registry.ts';
import type { DaemonContext } from './daemon-context.ts';
import { readInstallId } from './install-id.ts';
import { Lifecycle } from './lifecycle.ts';
import { quitHelper } from '#net/rpc/quit-helper.ts';

export interface DaemonOptions {
  readonly paths: Paths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly processLogger: ProcessLogger;
  readonly executable: string;
  createHandlers(daemon: DaemonContext, endProcess: () => void): Handlers;
}

export interface RunningDaemon {
  /** Ends connections and helper, then stops serving. */
  stop(): Promise<void>;
  /** Resolves when the daemon has stopped serving, whoever asked for that. */
  readonly ended: Promise<void>;
}

/** Starts serving the local API; `undefined` where another daemon serves this runtime directory. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon | undefined> {
  const { paths, processLogger } = options;
  const { logger } = processLogger;
  const daemon = createContext(options);
  const ended = deferred<void>();
  let listener: Awaited<ReturnType<typeof listenUnix>>;
  const endProcess = () => {
    logger.info('Daemon ends');
    ended.resolve(listener?.close());
  };
  const handlers = options.createHandlers(daemon, endProcess);
  listener = await listenUnix(paths.daemonSocket, (channel) => serveChannel(channel, handlers, { logger: logger.child('api') }));
  if (listener === undefined) return undefined;
  logger.info('Daemon started', { version: productVersion, socket: paths.daemonSocket, installId: daemon.installId });
  return {
    ended: ended.promise,
    async stop() {
      await daemon.shutDown(() => undefined);
      endProcess();
      await ended.promise;
    },
  };
}

function createContext(options: DaemonOptions): DaemonContext {
  const { paths, env, processLogger, executable } = options;
  const { logger } = processLogger;
  const installId = readInstallId(paths.stateDirectory);
  const state = new StateStore({ version: productVersion, pid: process.pid, executable, installId, startedAt: new Date().toISOString() });
  const tasks = new TaskRegistry(state);
  const lifecycle = new Lifecycle(logger);
  // Registered first, so that it runs last: until then the connections still need the helper.
  lifecycle.onQuit(async (stage) => {
    stage('Stopping the helper');
    await quitHelper(paths.helperSocket);
  });
  return {
    paths,
    env,
    logger,
    processLogger,
    state,
    tasks,
    health: new HealthRegistry(state),
    installId,
    onQuit: (hook) => lifecycle.onQuit(hook),
    onRemoteLogLevel: (hook) => lifecycle.onRemoteLogLevel(hook),
    setRemoteLogLevel: (input) => lifecycle.setRemoteLogLevel(input),
    shutDown: (stage) => {
      tasks.cancelAll();
      return lifecycle.shutDown(stage);
    },
  };
}
