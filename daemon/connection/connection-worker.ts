import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { LogLevel } from '#base/common/log.ts';
import { createProcessLogger } from '#base/node/logger.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { watchConfig } from '../config/watch-config.ts';
import { handlerFiles } from '../handlers/handler-log.ts';
import { ensureHelper } from '../helper-client/launch.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { listAgents } from '../link/list-agents.ts';
import { removeAgents } from '../link/remove-agents.ts';
import { revokeIntercept } from '../link/revoke-intercept.ts';
import { startNamespace } from '../rootless/start-namespace.ts';
import { rawTraffic } from '../traffic/raw-traffic.ts';
import { watchTraffic } from '../traffic/watch-traffic.ts';
import { planInCluster } from '../workloads/plan-in-cluster.ts';
import { Connection } from './connection.ts';
import { effectiveConfig, settingsOf } from './effective-config.ts';
import type { FromWorker, ToWorker, WorkerCallName, WorkerCalls, WorkerInput } from './worker-messages.ts';
import { checkWorkloadNamespace, watchWorkloads } from './workloads.ts';

/** A helper listens in a fraction of a second. */
const helperStartTimeoutMs = 5_000;

/** A traffic-manager answers from memory, unless it looks at the namespace for the first time. */
const listTimeoutMs = 15_000;

interface CallContext<Name extends WorkerCallName> {
  readonly signal: AbortSignal;
  emit(event: WorkerCalls[Name]['event']): void;
}

type WorkerHandlers = {
  readonly [Name in WorkerCallName]: (
    input: WorkerCalls[Name]['input'],
    context: CallContext<Name>,
  ) => Promise<WorkerCalls[Name]['output']>;
};

const input = workerData as WorkerInput;
const port = parentPort;
if (port === null) throw new Error('This module is the body of a worker thread');

const processLogger = createProcessLogger({ component: `connection.${input.name}`, file: input.logFile, level: input.logLevel });
const { logger } = processLogger;
const running = new Map<number, AbortController>();
const handlerDirectories = { log: input.logDirectory, runtime: dirname(input.engagementsFile) };
let connection: Connection | undefined;
let config: Disposable | undefined;
/** They may be known before the connection is there. */
let dnsPeers: readonly string[] = [];

const handlers: WorkerHandlers = {
  async check() {
    newConnection();
    return {};
  },
  async connect(_input, { signal }) {
    connection = newConnection();
    connection.setDnsPeers(dnsPeers);
    await connection.connect(signal);
    followConfig(connection);
    return connection.snapshot();
  },
  async disconnect() {
    config?.[Symbol.dispose]();
    await connection?.disconnect();
    processLogger.close();
    return {};
  },
  async listWorkloads({ namespace }, { signal }) {
    const current = live();
    checkWorkloadNamespace(namespace, current.namespace);
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(listTimeoutMs)]);
    for await (const change of watchWorkloads(current.session, deadline)) {
      if (change.kind === 'snapshot') return { workloads: change.workloads };
    }
    if (signal.aborted) throw new AppError({ code: 'cancelled', message: 'The listing was cancelled' });
    throw new AppError({ code: 'timeout', message: 'The traffic-manager did not name the workloads in time' });
  },
  async watchWorkloads({ namespace }, { signal, emit }) {
    const current = live();
    checkWorkloadNamespace(namespace, current.namespace);
    for await (const change of watchWorkloads(current.session, signal)) emit(change);
    return {};
  },
  async setManagerLogLevel({ level, durationMs }, { signal }) {
    const { link } = await live().session.live(signal);
    await link.manager.setLogLevel({
      logLevel: level,
      ...(durationMs === 0
        ? {}
        : { duration: { seconds: BigInt(Math.floor(durationMs / 1_000)), nanos: (durationMs % 1_000) * 1_000_000 } }),
    });
    return {};
  },
  async setLogLevel({ level, durationMs }) {
    processLogger.setLevel(level, durationMs);
    connection?.setHelperLogLevel(level, durationMs);
    return {};
  },
  async viewConfig() {
    return effectiveConfig(input, live().settingsSources()).view();
  },
  async intercept({ request }, { signal, emit }) {
    return await live().engagements.intercept(request, (stage) => emit({ stage }), signal);
  },
  async leave({ name }) {
    return { engagement: await live().engagements.leave(name) };
  },
  async uninstallAgents({ workloads, all }, { signal }) {
    const { link, session } = await live().session.live(signal);
    return { removed: await removeAgents(link.desktop, { session, workloads: [...workloads], all }, signal) };
  },
  async readEnvironment({ name }) {
    return { environment: live().engagements.get(name).environment() };
  },
  async restartHandler({ name }) {
    await live().engagements.get(name).process().restart();
    return {};
  },
  async stopHandler({ name }) {
    await live().engagements.get(name).process().stop();
    return {};
  },
  async planIntercept({ request }, { signal }) {
    const current = live();
    const { link, session } = await current.session.live(signal);
    const place = { desktop: link.desktop, session, namespace: current.namespace, owner: current.owner };
    return await planInCluster(request, place, signal);
  },
  async revoke({ id }, { signal }) {
    const current = live();
    const { link, session } = await current.session.live(signal);
    const kube = new KubeClient(loadKubeconfig(input.request).credentials);
    try {
      const { managerNamespace } = current.snapshot();
      return { owner: await revokeIntercept(id, { kube, managerNamespace, desktop: link.desktop, session }, signal) };
    } finally {
      kube.close();
    }
  },
  async listAgents(_input, { signal }) {
    const { link, session } = await live().session.live(signal);
    return { agents: await listAgents(link.manager, session, signal) };
  },
  async pause(pause) {
    await live().pause(pause);
    return {};
  },
  async resume(_input, { signal }) {
    await live().resume(signal);
    return {};
  },
  async verifyDns() {
    return await live().verifyDns();
  },
  async setDnsPeers({ addresses }) {
    dnsPeers = addresses;
    connection?.setDnsPeers(addresses);
    return {};
  },
  async watchTraffic(watch, { signal, emit }) {
    await watchTraffic(live().traffic, watch, emit, signal);
    return {};
  },
  async readTraffic({ ids }) {
    const { traffic } = live();
    return { traffic: ids.flatMap((id) => traffic.get(id) ?? []).map(rawTraffic) };
  },
  async clearTraffic() {
    live().traffic.clear();
    return {};
  },
  async checkNow() {
    connection?.checkNow();
    return {};
  },
};

// An HTTP/2 session that ends while its port-forward is stuck may fail an assertion of Node's own, long after whoever ended it has gone on.
// The session is over then, which its heartbeat finds; everything else here would go down with it. Any other error ends the thread.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'ERR_INTERNAL_ASSERTION') throw error;
  logger.error('Node failed an assertion of its own', { error });
});

port.on('message', (message: ToWorker) => {
  if (message.kind === 'cancel') running.get(message.id)?.abort();
  else void serve(message.id, message.call, message.input);
});

async function serve<Name extends WorkerCallName>(id: number, call: Name, callInput: unknown): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    const context: CallContext<Name> = { signal: abort.signal, emit: (event) => send({ kind: 'event', id, event }) };
    const output = await handlers[call](callInput as WorkerCalls[Name]['input'], context);
    send({ kind: 'output', id, output });
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.code === 'internal') logger.error('A call failed', { call, error });
    send({ kind: 'error', id, error: failure.toData() });
  } finally {
    running.delete(id);
  }
}

/** Reads the kubeconfig and the configuration, and the flags; anything further begins with its `connect`. @throws AppError */
function newConnection(): Connection {
  return new Connection({
    name: input.name,
    request: input.request,
    settings: (sources) => settingsOf(effectiveConfig(input, sources), input),
    helperSocket: input.helperSocket,
    startHelper: async (stopSignal) => {
      const start = { ...input.helper, socketPath: input.helperSocket, timeoutMs: helperStartTimeoutMs, signal: stopSignal };
      await (input.request.mode === 'rootless' ? startNamespace(start) : ensureHelper(start));
    },
    installId: input.installId,
    ...(input.pause === undefined ? {} : { pause: input.pause }),
    logger,
    engagementsFile: input.engagementsFile,
    handlerFiles: (engagement) => handlerFiles(handlerDirectories, input.name, engagement),
    onChanged: (snapshot) => send({ kind: 'changed', connection: snapshot }),
    onEngagement: (name, engagement) => send({ kind: 'engagement', name, engagement }),
    onHealth: (conditions) => send({ kind: 'health', conditions }),
  });
}

/** Applies changes of the configuration file. A level that a person chose meanwhile stays until the file has another. */
function followConfig(followed: Connection): void {
  let configured: LogLevel = effectiveConfig(input, followed.settingsSources()).config.logLevels.userDaemon;
  const reconfigure = (mistake?: AppError) => {
    try {
      followed.reconfigure(mistake);
    } catch (error) {
      logger.warn('The configuration cannot be applied', { error });
    }
  };
  config = watchConfig(input, {
    onChange: ({ config: { logLevels } }) => {
      if (configured !== logLevels.userDaemon) processLogger.setLevel(logLevels.userDaemon, 0);
      configured = logLevels.userDaemon;
      reconfigure();
    },
    onError: reconfigure,
  });
}

function live(): Connection {
  if (connection !== undefined) return connection;
  throw new AppError({ code: 'connection.none', message: 'The connection is not up' });
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}
