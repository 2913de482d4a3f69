import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { podTrouble } from './pod-trouble.ts';
import type { PodObject } from './pod-types.ts';
import { type FoundWorkload, type WorkloadLookup, workloadPath } from './workload-lookup.ts';

export interface RollOptions {
  readonly kube: KubeClient;
  readonly lookup: WorkloadLookup;
  readonly workload: FoundWorkload;
  /** Pods of which this is not so are ended. */
  readonly isWanted: (pod: PodObject) => boolean;
  /** Whether wanted pods have an agent that has to come up. */
  readonly hasAgent: boolean;
  readonly signal: AbortSignal;
  /** How long nothing may happen. */
  readonly timeoutMs: number;
  /** Told once for each change. */
  readonly onStage: (stage: string) => void;
  /** Told of pods that have their agent, and are not ready within the time limit. */
  readonly onUnready?: (reason: string) => void;
  /** Default 150 ms. */
  readonly pollMs?: number;
}

interface Pods {
  readonly stale: readonly PodObject[];
  readonly fresh: readonly PodObject[];
  readonly terminating: number;
}

/** Ended at once: a quarter, so that a Service keeps most of its pods. */
const batchShare = 0.25;

const defaultPollMs = 150;

/** Clocks of API server and traffic-manager differ. */
const eventSlackMs = 5_000;

/** Annotation whose change makes a Deployment or StatefulSet replace its pods. */
const restartedAnnotation = 'telepresence.io/restartedAt';

/**
 * Replaces a workload's pods by such as are wanted, a few at a time: by eviction, which leaves the workload as it is, or, where a
 * PodDisruptionBudget forbids that, by its own rollout. Resolves when all are wanted ones whose agents are ready.
 *
 * @returns whether any had to be replaced.
 * @throws AppError `agent.failed` with the reason that Kubernetes gives.
 */
export async function rollPods(options: RollOptions): Promise<boolean> {
  const { workload, signal, timeoutMs, lookup, hasAgent } = options;
  const startedAt = new Date(Date.now() - eventSlackMs);
  const known = new Set<string>();
  let movedAt = performance.now();
  let lastSeen = '';
  let lastStage = '';
  const tell = (stage: string) => {
    if (stage !== lastStage) options.onStage(stage);
    lastStage = stage;
  };
  let isRolledOut = false;
  let isForbidden = false;
  let missedRounds = 0;
  for (let round = 0; ; round += 1) {
    signal.throwIfAborted();
    const pods = await readPods(options);
    const { stale, fresh, terminating } = pods;
    const newcomers = stale.filter((pod) => !known.has(pod.metadata?.uid ?? ''));
    for (const pod of stale) known.add(pod.metadata?.uid ?? '');
    if (round > 0 && newcomers.length > 0 && hasAgent) {
      missedRounds += 1;
      // The first may come from an API server that has not yet heard of the webhook.
      if (missedRounds > 2) throw notInjected(newcomers[0]);
    }
    const unready = fresh.filter((pod) => hasAgent && !isAgentReady(pod));
    const replicas = (await lookup.get(workload.target, signal))?.replicas ?? 0;
    const missing = Math.max(0, replicas - stale.length - fresh.length);
    const unsettled = fresh.filter((pod) => !isPodReady(pod));
    if (stale.length === 0 && unready.length === 0 && missing === 0 && (unsettled.length === 0 || round === 0))
      return known.size > 0;

    const seen = JSON.stringify([stale.length, fresh.length, unready.length, unsettled.length]);
    if (seen !== lastSeen || (missing > 0 && terminating > 0)) movedAt = performance.now();
    lastSeen = seen;
    const reason = await findTrouble(options, pods, missing, startedAt, round);
    if (reason?.isFinal === true) throw failure(workload, reason.reason);
    if (performance.now() - movedAt > timeoutMs) {
      // Agents are there; an app that takes longer to start, or never does, is not theirs to judge.
      if (stale.length === 0 && unready.length === 0 && missing === 0) {
        options.onUnready?.(await recentEvents(options, unsettled, startedAt));
        return known.size > 0;
      }
      if (!hasAgent && stale.length === 0) return known.size > 0;
      const budget = isForbidden && !isRolledOut ? 'A PodDisruptionBudget forbids to evict its pods' : undefined;
      throw failure(workload, reason?.reason ?? budget ?? (await recentEvents(options, unready, startedAt)));
    }
    // Nothing is lost by ending pods that serve nobody.
    const inFlight = stale.some(isPodReady) ? missing + unsettled.length : 0;
    const room = Math.max(1, Math.ceil(replicas * batchShare)) - inFlight;
    if (stale.length > 0 && room > 0 && !isRolledOut) {
      tell(`Replacing the pods of ${workload.target.name}: ${fresh.length} of ${replicas} done`);
      isForbidden = (await evictAll(options, stale.slice(0, room))) === 'forbidden';
      isRolledOut = isForbidden && inFlight === 0 && (await rollOut(options));
    } else if (unready.length > 0 || missing > 0) tell(`Waiting for the pods of ${workload.target.name}`);
    await sleep(options.pollMs ?? defaultPollMs, undefined, { signal }).catch(() => undefined);
  }
}

export function isAgentReady({ status }: PodObject): boolean {
  return status?.containerStatuses?.some(({ name, ready }) => name === agentContainerName && ready === true) === true;
}

/** Ends a pod as far as budgets allow. */
export async function evict(kube: KubeClient, pod: PodObject, signal: AbortSignal): Promise<'ended' | 'forbidden'> {
  const { name = '', namespace = '', uid } = pod.metadata ?? {};
  try {
    await kube.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: uid === undefined ? {} : { preconditions: { uid } },
      },
      signal,
    });
    return 'ended';
  } catch (error) {
    if (!(error instanceof KubeStatusError)) throw error;
    // Gone, or another pod has its name by now.
    if (error.status === 404 || error.status === 409) return 'ended';
    if (error.status === 429) return 'forbidden';
    throw error;
  }
}

async function readPods({ lookup, workload, isWanted, signal }: RollOptions): Promise<Pods> {
  const all = (await lookup.pods(workload, signal)).filter(
    ({ status, metadata }) =>
      status?.phase !== 'Succeeded' &&
      status?.phase !== 'Failed' &&
      metadata?.ownerReferences?.some(({ controller }) => controller === true) === true,
  );
  const live = all.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return {
    stale: live.filter((pod) => !isWanted(pod)),
    fresh: live.filter(isWanted),
    terminating: all.length - live.length,
  };
}

async function findTrouble(
  { lookup, workload, hasAgent, signal }: RollOptions,
  { fresh }: Pods,
  missing: number,
  startedAt: Date,
  round: number,
): Promise<{ readonly reason: string; readonly isFinal: boolean } | undefined> {
  if (!hasAgent) return undefined;
  const troubles = fresh.filter((pod) => !isAgentReady(pod)).flatMap((pod) => podTrouble(pod) ?? []);
  const [trouble] = [...troubles.filter(({ isFinal }) => isFinal), ...troubles];
  // A controller needs a moment to notice, and asking costs two requests.
  if (trouble !== undefined || missing === 0 || round < 2 || round % 3 !== 0) return trouble;
  const refusal = await lookup.creationFailure(workload, startedAt, signal);
  return refusal === undefined ? undefined : { reason: refusal, isFinal: true };
}

async function evictAll({ kube, signal }: RollOptions, pods: readonly PodObject[]): Promise<'ended' | 'forbidden'> {
  const outcomes = await Promise.all(pods.map((pod) => evict(kube, pod, signal)));
  return outcomes.includes('ended') ? 'ended' : 'forbidden';
}

/** The workload's own rollout. Returns whether it has one. */
async function rollOut({ kube, workload, signal, onStage }: RollOptions): Promise<boolean> {
  if (workload.target.kind === 'ReplicaSet') return false;
  onStage(`Restarting ${workload.target.name}, since a disruption budget forbids to evict its pods`);
  await kube.request({
    method: 'PATCH',
    path: workloadPath(workload.target),
    contentType: 'application/merge-patch+json',
    body: { spec: { template: { metadata: { annotations: { [restartedAnnotation]: new Date().toISOString() } } } } },
    signal,
  });
  return true;
}

async function recentEvents({ lookup, workload, signal }: RollOptions, pods: readonly PodObject[], since: Date): Promise<string> {
  const uids = pods.flatMap((pod) => pod.metadata?.uid ?? []);
  const events = await lookup.events(workload.target.namespace, uids.slice(0, 3), since, signal);
  const telling = events.filter(({ type }) => type === 'Warning').slice(-5);
  if (telling.length === 0) return 'The new pods are not ready in time, and Kubernetes gives no reason';
  return telling.map(({ reason, message }) => `${reason}: ${message}`).join('\n');
}

function isPodReady({ status }: PodObject): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

function failure({ target }: FoundWorkload, reason: string): AppError {
  const isSecurity = /PodSecurity/.test(reason);
  return new AppError({
    code: 'agent.failed',
    message: `The pods of ${target.kind} ${target.name} in namespace ${target.namespace} do not get a traffic-agent`,
    reason,
    context: { namespace: target.namespace, workload: target.name },
    remedies: [
      isSecurity
        ? { label: 'Give the container port a name and use it as the targetPort of the Service: then no privilege is needed' }
        : { label: 'See what happened to the pods', command: `kubectl get events -n ${target.namespace}` },
    ],
  });
}

function notInjected(pod: PodObject | undefined): AppError {
  const { name = '', namespace = '' } = pod?.metadata ?? {};
  return new AppError({
    code: 'agent.failed',
    message: `Pod ${name} in namespace ${namespace} was made without a traffic-agent`,
    reason: 'The API server did not call the webhook of the traffic-manager, or did not take its answer',
    context: { namespace, pod: name },
    remedies: [{ label: 'Check that the API server reaches the Service agent-injector, and what its log says of webhooks' }],
  });
}
