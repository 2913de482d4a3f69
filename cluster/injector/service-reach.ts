import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentConfig } from '#protocol/agent/agent-config.ts';
import type { ServiceObject } from './pod-types.ts';

export interface ReachOptions {
  readonly config: Pick<AgentConfig, 'containers'>;
  readonly services: readonly ServiceObject[];
  /** Whether pods of before are still ending. */
  readonly isEnding: () => Promise<boolean>;
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** A connection that a node sent to a pod that has gone hangs; the next is sent anew. */
const attemptMs = 300;

/** A pod that ignores its end answers on, on nodes that have not heard of it; they hear within a second (kube-proxy's minSyncPeriod). */
const endingMs = 1_000;

/**
 * Resolves when Services lead to the pods that replaced others, as far as that can be told from here, and after the time limit anyway:
 * pods are ready moments before the nodes send callers to them.
 */
export async function untilServicesLead(options: ReachOptions): Promise<void> {
  const { isEnding, timeoutMs, pollMs } = options;
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]);
  const lingering = AbortSignal.any([deadline, AbortSignal.timeout(Math.min(endingMs, timeoutMs))]);
  while (!lingering.aborted && (await isEnding())) await pause(pollMs, lingering);
  await Promise.all(
    placesOf(options).map(async ({ host, port }) => {
      while (!deadline.aborted && !(await canConnect(host, port, deadline))) await pause(pollMs, deadline);
    }),
  );
  options.signal.throwIfAborted();
}

/** Headless Services have no address: callers know the pods. UDP does not tell. */
function placesOf({ config, services }: ReachOptions): readonly { readonly host: string; readonly port: number }[] {
  const reached = config.containers.flatMap(({ ports }) =>
    ports.flatMap((port) => (port.protocol === 'TCP' ? port.services : [])),
  );
  return reached.flatMap(({ name, port }) => {
    const host = services.find(({ metadata }) => metadata?.name === name)?.spec?.clusterIP ?? '';
    return host === '' || host === 'None' ? [] : [{ host, port }];
  });
}

async function canConnect(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => end(false), attemptMs);
    const end = (isConnected: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(isConnected);
    };
    const abort = () => end(false);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
