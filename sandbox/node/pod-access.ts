import { PassThrough, Readable, Writable } from 'node:stream';
import { dial } from '../network/dial.ts';
import { resources } from '../store/resources.ts';
import type { ContainerRunner } from './container-runner.ts';
import { execInContainer } from './exec-session.ts';
import { type ExecSession, type NodeApi, NodeError, type PodName } from './node-api.ts';
import type { NodeContext } from './pod-host.ts';
import { type MeasuredPod, measurePods } from './pod-usage.ts';
import type { PodWorker } from './pod-worker.ts';
import type { PortForwards } from './port-forwards.ts';

/** What the API server asks of the node. */
export function createNodeApi(
  node: NodeContext,
  find: (pod: PodName) => PodWorker | undefined,
  portForwards: PortForwards,
  measured: () => readonly MeasuredPod[],
): NodeApi {
  function mustFind(pod: PodName): PodWorker {
    const worker = find(pod);
    if (worker !== undefined) return worker;
    const isThere = node.store.get(resources.pods, pod.namespace, pod.name) !== undefined;
    throw new NodeError(
      isThere ? 'not-running' : 'missing',
      isThere ? `pod ${pod.name} does not run` : `pod "${pod.name}" not found`,
    );
  }

  function runnerOf(pod: PodName, container: string): ContainerRunner {
    const runner = mustFind(pod).container(container);
    if (runner !== undefined) return runner;
    throw new NodeError('missing', `container ${container} is not valid for pod ${pod.name}`);
  }

  function runOf(pod: PodName, container: string) {
    const run = runnerOf(pod, container).current();
    if (run === undefined) throw new NodeError('not-running', `container not found ("${container}")`);
    return run;
  }

  return {
    exec: (pod, container, argv, options) => settle(() => execInContainer(runOf(pod, container), argv, options)),
    attach: (pod, container) =>
      settle(() => {
        const run = runOf(pod, container);
        return attachTo(runnerOf(pod, container), run.process.ended);
      }),
    logs: (pod, container, options) =>
      settle(() => {
        const log = runnerOf(pod, container).log(options.isPrevious);
        if (log !== undefined) return log.read(options);
        if (options.isPrevious)
          throw new NodeError('failed', `previous terminated container "${container}" in pod "${pod.name}" not found`);
        throw new NodeError(
          'not-running',
          `container "${container}" in pod "${pod.name}" is waiting to start: ContainerCreating`,
        );
      }),
    usage: () => measurePods(measured()),
    portForward: async (pod, port) => {
      const { namespace } = mustFind(pod);
      if (namespace === undefined) throw new NodeError('not-running', `pod ${pod.name} does not run`);
      try {
        return portForwards.add(await dial(node.machine, { namespace, host: '127.0.0.1', port }));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new NodeError('failed', `failed to connect to localhost:${port} inside the pod's network namespace: ${why}`);
      }
    },
  };
}

/** Failures as rejections, as callers of an asynchronous call expect them. */
async function settle<T>(action: () => T): Promise<T> {
  return await Promise.resolve().then(action);
}

/** Output only: programs here have no input. */
function attachTo(runner: ContainerRunner, ended: Promise<{ readonly exitCode: number }>): ExecSession {
  const stdout = new PassThrough();
  const detach = runner.log(false)?.onLine(
    ({ text }) => stdout.write(`${text}\n`),
    () => stdout.end(),
  );
  return {
    stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
    stdout,
    stderr: Readable.from([]),
    result: ended.then(({ exitCode }) => ({ kind: 'exited', exitCode })),
    resize: () => undefined,
    destroy: () => {
      detach?.();
      stdout.end();
    },
  };
}
