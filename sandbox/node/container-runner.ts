import { setTimeout as delay } from 'node:timers/promises';
import type { NodeImage } from '../programs/image-store.ts';
import { kubeTime } from '../store/objects.ts';
import { ContainerConfigError } from './container-config-error.ts';
import { type ContainerLog, createContainerLog } from './container-log.ts';
import { type ContainerExit, type ContainerProcess, startContainerProcess } from './container-process.ts';
import { containerStart } from './container-settings.ts';
import { watchHealth } from './health.ts';
import type { PodHost } from './pod-host.ts';
import type { Container, ContainerState, ContainerStatus } from './pod-types.ts';
import { runProbe } from './probes.ts';

export type ContainerKind = 'init' | 'sidecar' | 'main';

/** One container of a pod, through all of its restarts. */
export interface ContainerRunner {
  readonly container: Container;
  readonly kind: ContainerKind;
  status(): ContainerStatus;
  /** Runs it, again and again where its pod says so. Resolves to whether it ended well once it is not started any more. */
  run(): Promise<boolean>;
  /** Resolves when it has started as its startup probe sees it. */
  readonly started: Promise<void>;
  /** Ends the run that is under way; it is started again unless the pod is ending. */
  stop(graceMs: number): Promise<void>;
  log(isPrevious: boolean): ContainerLog | undefined;
  current(): CurrentRun | undefined;
}

export interface CurrentRun {
  readonly process: ContainerProcess;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

const maxBackOffMs = 300_000;
const retryMs = 1_000;
const maxMessageBytes = 2_048;

export function createContainerRunner(host: PodHost, container: Container, kind: ContainerKind): ContainerRunner {
  const { promise: started, resolve: setStarted } = Promise.withResolvers<void>();
  const fieldPath = `spec.${kind === 'main' ? 'containers' : 'initContainers'}{${container.name}}`;
  let state: ContainerState = { waiting: { reason: kind === 'main' ? 'ContainerCreating' : 'PodInitializing' } };
  let lastState: ContainerState = {};
  let restartCount = 0;
  let isReady = false;
  let isStarted = false;
  let run: CurrentRun | undefined;
  let runId = '';
  const logs: { current?: ContainerLog; previous?: ContainerLog } = {};

  const say = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    host.node.recordEvent(host.pod(), { type, reason, message, fieldPath });
  const setState = (next: ContainerState) => {
    state = next;
    host.publish();
  };
  const wait = async (reason: string, message: string, ms: number) => {
    setState({ waiting: { reason, message } });
    await pause(ms, host.ending);
  };

  /** The image, as soon as there is one. */
  async function pullImage(): Promise<NodeImage | undefined> {
    for (let attempt = 0; !host.ending.aborted; attempt += 1) {
      const { image: name } = container;
      const startedAt = performance.now();
      const isThere = host.node.images.has(name);
      const { delayMs, failure } = host.node.faults.imagePull(name);
      if (!isThere) say('Normal', 'Pulling', `Pulling image "${name}"`);
      await pause(delayMs, host.ending);
      const image = failure === undefined ? await host.node.images.pull(name) : undefined;
      if (image !== undefined) {
        const seconds = `${Math.round(performance.now() - startedAt)}ms`;
        say(
          'Normal',
          'Pulled',
          isThere ? `Container image "${name}" already present on machine` : `Successfully pulled image "${name}" in ${seconds}`,
        );
        return image;
      }
      const why = failure ?? `failed to resolve reference "${name}": not found`;
      say('Warning', 'Failed', `Failed to pull image "${name}": ${why}`);
      say('Warning', 'Failed', 'Error: ErrImagePull');
      await wait('ErrImagePull', why, retryMs);
      if (host.ending.aborted) break;
      say('Normal', 'BackOff', `Back-off pulling image "${name}"`);
      say('Warning', 'Failed', 'Error: ImagePullBackOff');
      await wait(
        'ImagePullBackOff',
        `Back-off pulling image "${name}": ErrImagePull: ${why}`,
        backOff(attempt, host.node.firstBackOffMs),
      );
    }
    return undefined;
  }

  async function start(): Promise<ContainerExit | undefined> {
    const image = await pullImage();
    while (image !== undefined && !host.ending.aborted) {
      try {
        const settings = containerStart(host, host.pod(), container, image);
        if (logs.current !== undefined) logs.previous = logs.current;
        const log = createContainerLog();
        logs.current = log;
        say('Normal', 'Created', `Created container: ${container.name}`);
        const process = startContainerProcess(host.node.machine, settings);
        log.attach(process.stdout);
        log.attach(process.stderr, isRuntimeLine);
        say('Normal', 'Started', `Started container ${container.name}`);
        run = { process, environment: settings.environment, workingDirectory: settings.workingDirectory };
        return await follow(process, run);
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error;
        say('Warning', 'Failed', `Error: ${error.message}`);
        await wait('CreateContainerConfigError', error.message, retryMs);
      }
    }
    return undefined;
  }

  async function follow(process: ContainerProcess, current: CurrentRun): Promise<ContainerExit> {
    // Until then there is nothing to probe, and what runs in it would see more than the container's files.
    await process.running;
    const startedAt = kubeTime(new Date());
    runId = crypto.randomUUID().replaceAll('-', '');
    isStarted = container.startupProbe === undefined;
    isReady = isStarted && container.readinessProbe === undefined;
    if (isStarted) setStarted();
    setState({ running: { startedAt } });
    const finished = new AbortController();
    const health = watchHealth({
      container,
      target: {
        ip: host.network.ip,
        container,
        environment: current.environment,
        dial: host.dial,
        execCommand: process.execCommand,
      },
      signal: finished.signal,
      setStarted: () => {
        isStarted = true;
        isReady = container.readinessProbe === undefined;
        setStarted();
        host.publish();
      },
      setReady: (value) => {
        if (value && host.isNeverReady())
          say('Warning', 'Unhealthy', 'Readiness probe failed: the sandbox was asked to keep the pod from getting ready');
        isReady = value;
        host.publish();
      },
      unhealthy: (probe, message) => host.ending.aborted || say('Warning', 'Unhealthy', `${probe} probe failed: ${message}`),
      fail: (probe) => {
        say('Normal', 'Killing', `Container ${container.name} failed ${probe.toLowerCase()} probe, will be restarted`);
        void stopRun(current, (host.pod().spec.terminationGracePeriodSeconds ?? 30) * 1000);
      },
    });
    const exit = await process.ended;
    finished.abort();
    await health;
    run = undefined;
    isReady = false;
    isStarted = false;
    logs.current?.close();
    const isFailed = exit.exitCode !== 0;
    const message =
      isFailed && container.terminationMessagePolicy === 'FallbackToLogsOnError'
        ? logs.current?.tail(maxMessageBytes)
        : undefined;
    setState({
      terminated: {
        ...exit,
        reason: isFailed ? 'Error' : 'Completed',
        ...(message === undefined || message === '' ? {} : { message }),
        startedAt,
        finishedAt: kubeTime(new Date()),
        containerID: `sandbox://${runId}`,
      },
    });
    return exit;
  }

  async function stopRun(current: CurrentRun, graceMs: number): Promise<void> {
    const timer = setTimeout(() => current.process.kill('SIGKILL'), graceMs);
    const preStop = container.lifecycle?.preStop;
    if (preStop !== undefined && graceMs > 0) {
      const target = {
        ip: host.network.ip,
        container,
        environment: current.environment,
        dial: host.dial,
        execCommand: current.process.execCommand,
      };
      const result = await runProbe(target, preStop, graceMs);
      if (!result.isSuccess) say('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.message}`);
    }
    current.process.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    await current.process.ended;
    clearTimeout(timer);
  }

  return {
    container,
    kind,
    started,
    status: () => ({
      name: container.name,
      image: container.image,
      imageID: `sandbox-image://${container.image}`,
      ...(runId === '' ? {} : { containerID: `sandbox://${runId}` }),
      ready: kind === 'init' ? state.terminated?.exitCode === 0 : isReady && !host.isNeverReady(),
      started: isStarted,
      restartCount,
      state,
      lastState,
    }),
    run: async () => {
      for (let failures = 0; !host.ending.aborted; ) {
        const startedMs = performance.now();
        const exit = await start();
        if (exit === undefined || host.ending.aborted) break;
        const isGood = exit.exitCode === 0;
        if (!isRestarted(host.pod().spec.restartPolicy ?? 'Always', kind, isGood)) return isGood;
        if (performance.now() - startedMs > 2 * maxBackOffMs) failures = 0;
        if (failures > 0) {
          lastState = state;
          const ms = backOff(failures - 1, host.node.firstBackOffMs);
          const pod = host.pod().metadata;
          const message = `back-off ${ms / 1000}s restarting failed container=${container.name} pod=${pod.name}_${pod.namespace}(${pod.uid})`;
          say(
            'Warning',
            'BackOff',
            `Back-off restarting failed container ${container.name} in pod ${pod.name}_${pod.namespace}(${pod.uid})`,
          );
          await wait('CrashLoopBackOff', message, ms);
          if (host.ending.aborted) break;
        }
        if (state.terminated !== undefined) lastState = state;
        failures += 1;
        restartCount += 1;
      }
      return state.terminated?.exitCode === 0;
    },
    stop: async (graceMs) => {
      if (run === undefined) return;
      say('Normal', 'Killing', `Stopping container ${container.name}`);
      await stopRun(run, graceMs);
    },
    log: (isPrevious) => (isPrevious ? logs.previous : logs.current),
    current: () => run,
  };
}

function isRestarted(policy: 'Always' | 'OnFailure' | 'Never', kind: ContainerKind, isGood: boolean): boolean {
  if (kind === 'sidecar') return true;
  if (kind === 'init') return !isGood && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && !isGood);
}

function backOff(attempt: number, firstMs: number): number {
  return Math.min(firstMs * 2 ** attempt, maxBackOffMs);
}

/** What unshare says of a child that ended by a signal, which is none of the program's words. */
function isRuntimeLine(line: string): boolean {
  return line.startsWith('unshare: sigprocmask unblock failed');
}

/** Waits, or ends early with the pod. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) await delay(ms, undefined, { signal }).catch(() => undefined);
}
