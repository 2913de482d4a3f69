import { parentPort, workerData } from 'node:worker_threads';
import { createProcessLogger } from '#base/node/logger.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { ensureHelper } from '../helper-client/launch.ts';
import { removeAgents } from '../link/remove-agents.ts';
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
let connection: Connection | undefined;

const handlers: WorkerHandlers = {
  async connect(_input, { signal }) {
    connection = new Connection({
      name: input.name,
      request: input.request,
      settings: (sources) => settingsOf(effectiveConfig(input, sources), input),
      helperSocket: input.helperSocket,
      startHelper: (stopSignal) =>
        ensureHelper({ ...input.helper, socketPath: input.helperSocket, timeoutMs: helperStartTimeoutMs, signal: stopSignal }),
      installId: input.installId,
      logger,
      engagementsFile: input.engagementsFile,
      onChanged: (snapshot) => send({ kind: 'changed', connection: snapshot }),
      onEngagement: (name, engagement) => send({ kind: 'engagement', name, engagement }),
      onHealth: (conditions) => send({ kind: 'health', conditions }),
    });
    await connection.connect(signal);
    return connection.snapshot();
  },
  async disconnect() {
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
  async setLogLevel({ level }) {
    processLogger.setLevel(level, 0);
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
  async checkNow() {
    connection?.session.checkNow();
    return {};
  },
};

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

function live(): Connection {
  if (connection !== undefined) return connection;
  throw new AppError({ code: 'connection.none', message: 'The connection is not up' });
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}
