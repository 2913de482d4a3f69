import { deferred } from '#base/common/deferred.ts';
import { productVersion } from '#base/common/version.ts';
import type { ProcessLogger } from '#base/node/logger.ts';
import type { Paths } from '#base/node/paths.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { quitHelper } from '#net/rpc/quit-helper.ts';
import { serveChannel } from '#net/rpc/server.ts';
import { listenUnix } from '#net/rpc/unix-listener.ts';
import { sandboxProgram } from '../doctor/sandbox-program.ts';
import { HealthRegistry } from '../state/health-registry.ts';
import { StateStore } from '../state/state-store.ts';
import { TaskRegistry } from '../state/task-registry.ts';
import { isProgram } from '../terminals/find-program.ts';
import { hasPty } from '../terminals/pty.ts';
import type { DaemonContext } from './daemon-context.ts';
import { readInstallId } from './install-id.ts';
import { Lifecycle } from './lifecycle.ts';

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
  const endProcess = () => {
    logger.info('Daemon ends');
    ended.resolve(listening.then((listener) => listener?.close()));
  };
  // The parts come to life only where this process has the socket: a second daemon must touch nothing.
  let handlers: Handlers | undefined;
  const useHandlers = () => (handlers ??= options.createHandlers(daemon, endProcess));
  const listening = listenUnix(paths.daemonSocket, (channel) =>
    serveChannel(channel, useHandlers(), { logger: logger.child('api') }),
  );
  if ((await listening) === undefined) return undefined;
  useHandlers();
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
  const state = new StateStore({
    version: productVersion,
    capabilities: [
      ...(hasPty() ? (['terminal'] as const) : []),
      'handler-command',
      'traffic',
      ...(process.platform === 'linux' ? (['rootless'] as const) : []),
      ...(sandboxProgram() === undefined ? [] : (['sandbox'] as const)),
      ...(isProgram('kubectl', env['PATH'] ?? '') ? (['kubectl'] as const) : []),
    ],
    pid: process.pid,
    executable,
    installId,
    startedAt: new Date().toISOString(),
  });
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
    onLogLevel: (hook) => lifecycle.onLogLevel(hook),
    passLogLevelOn: (input) => lifecycle.passLogLevelOn(input),
    shutDown: (stage) => {
      tasks.cancelAll();
      return lifecycle.shutDown(stage);
    },
  };
}
