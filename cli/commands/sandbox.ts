import http from 'node:http';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readOutputTail, startDetached, waitForPath } from '#base/node/process-start.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ErrorCode, errorRegistry } from '#protocol/errors/registry.ts';
import { controlSocketName, type ReadySandbox, type SandboxReport, sandboxReport } from '#protocol/sandbox/sandbox-control.ts';
import type { Command, Invocation } from '../invocation.ts';

interface UpOptions {
  readonly address?: string;
  readonly port?: string;
  readonly images?: string;
}

const startTimeoutMs = 30_000;
const stages = {
  api: 'Starting the API server of the sandbox',
  node: 'Starting the node of the sandbox',
} as const;
const isNoKubernetes = 'It is a stand-in for trying things out, not Kubernetes.';

/** Starts the sandbox, which outlives this command, and waits until pods can run in it. */
export const sandboxUp: Command<UpOptions> = async (invocation, options) => {
  const { output, progress } = invocation;
  const running = await readReport(invocation, AbortSignal.any([invocation.signal, AbortSignal.timeout(startTimeoutMs)]));
  const report = running ?? (await start(invocation, options));
  progress.clear();
  const ready = requireReady(report);
  output.result({ running: true, started: running === undefined, kubernetes: false, ...shown(ready) }, () =>
    [
      running === undefined ? `The sandbox runs. ${isNoKubernetes}` : `The sandbox runs already. ${isNoKubernetes}`,
      `  API server: ${ready.server}`,
      `  Kubeconfig: ${ready.kubeconfig}`,
      'To use it:',
      `  export KUBECONFIG=${ready.kubeconfig}`,
      '  telepresence helm install && telepresence connect',
      'To end it:',
      '  telepresence sandbox down',
    ].join('\n'),
  );
  return 0;
};

export const sandboxDown: Command<object> = async (invocation) => {
  const { output, progress } = invocation;
  progress.stage('Ending the sandbox');
  const answer = await callControl(socketOf(invocation), 'POST', '/stop');
  answer?.resume();
  if (answer !== undefined) await new Promise<void>((done) => answer.once('close', done));
  progress.clear();
  const wasRunning = answer !== undefined;
  output.result({ running: false, stopped: wasRunning }, () => (wasRunning ? 'The sandbox has ended' : 'No sandbox runs'));
  return 0;
};

export const sandboxStatus: Command<object> = async (invocation) => {
  const { output } = invocation;
  const report = await readReport(invocation, invocation.signal);
  if (report === undefined) {
    output.result({ running: false }, () => 'No sandbox runs');
    return 0;
  }
  const ready = requireReady(report);
  output.result({ running: true, kubernetes: false, ...shown(ready) }, () =>
    [
      `The sandbox runs. ${isNoKubernetes}`,
      `  API server: ${ready.server}`,
      `  Kubeconfig: ${ready.kubeconfig}`,
      `  Context   : ${ready.context}`,
      `  Process   : ${ready.pid}, since ${new Date(ready.since * 1000).toISOString()}`,
    ].join('\n'),
  );
  return 0;
};

async function start(invocation: Invocation, options: UpOptions): Promise<SandboxReport> {
  const { io, paths, signal, progress } = invocation;
  if (process.platform !== 'linux') {
    throw new AppError({
      code: 'sandbox.unsupported',
      message: 'The sandbox runs on Linux only: its pods are processes in network namespaces',
    });
  }
  const socket = socketOf(invocation);
  const outputFile = join(paths.logDirectory, 'sandbox-output.log');
  const flags = Object.entries({
    directory: dirname(socket),
    'log-file': join(paths.logDirectory, 'sandbox.log'),
    ...checked(options),
    ...(options.images === undefined ? {} : { images: resolve(io.cwd, options.images) }),
  });
  progress.stage(stages.api);
  const child = startDetached({
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      io.programs.sandbox,
      ...flags.flatMap(([name, value]) => [`--${name}`, value]),
    ],
    env: io.env,
    outputFile,
  });
  const ended = new AbortController();
  void child.exited.then(({ outcome }) => ended.abort(outcome));
  const limits = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(startTimeoutMs)]);
  const report = await waitForPath(socket, () => readReport(invocation, limits), limits);
  if (report !== undefined) return report;
  if (signal.aborted) throw AppError.from(signal.reason);
  const printed = readOutputTail(outputFile);
  throw new AppError({
    code: 'sandbox.unsupported',
    message: ended.signal.aborted
      ? `The sandbox ended at once (${String(ended.signal.reason)})`
      : `The sandbox did not start within ${startTimeoutMs / 1000} s`,
    ...(printed === '' ? {} : { reason: printed }),
    remedies: [{ label: `Look at the logs in ${paths.logDirectory}` }],
  });
}

function checked({ address, port }: UpOptions): Readonly<Record<string, string>> {
  if (address !== undefined && isIP(address) === 0)
    throw new AppError({ code: 'usage', message: `--address ${address} is no IP address` });
  if (port !== undefined && !(/^[0-9]+$/.test(port) && Number(port) < 65_536))
    throw new AppError({ code: 'usage', message: `--port ${port} is no port` });
  return { ...(address === undefined ? {} : { address }), ...(port === undefined ? {} : { port }) };
}

/** Follows the reports to the last. `undefined` where no sandbox runs. */
async function readReport(invocation: Invocation, signal: AbortSignal): Promise<SandboxReport | undefined> {
  const answer = await callControl(socketOf(invocation), 'GET', '/status');
  if (answer === undefined) return undefined;
  const abort = () => answer.destroy();
  signal.addEventListener('abort', abort, { once: true });
  let last: SandboxReport | undefined;
  try {
    for await (const line of createInterface({ input: answer })) {
      last = sandboxReport.parse(JSON.parse(line));
      if (last.state === 'starting') invocation.progress.stage(stages[last.stage]);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return last;
}

function requireReady(report: SandboxReport): ReadySandbox {
  switch (report.state) {
    case 'ready':
      return report;
    case 'failed':
      throw new AppError({
        code: isErrorCode(report.code) ? report.code : 'sandbox.unsupported',
        message: report.message,
        ...(report.reason === undefined ? {} : { reason: report.reason }),
      });
    case 'starting':
      throw new AppError({ code: 'sandbox.unsupported', message: 'The sandbox ended while it started' });
  }
}

function shown({ state: _state, ...rest }: ReadySandbox): Omit<ReadySandbox, 'state'> {
  return rest;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorRegistry, code);
}

function socketOf({ paths }: Invocation): string {
  return join(paths.runtimeDirectory, 'sandbox', controlSocketName);
}

/** `undefined` where nobody listens. */
async function callControl(socketPath: string, method: 'GET' | 'POST', path: string): Promise<http.IncomingMessage | undefined> {
  return await new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path, agent: false }, resolve);
    request.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
    request.end();
  });
}
