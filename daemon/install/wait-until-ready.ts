import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managerSelector } from '#protocol/chart/kube-object.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import {
  type Condition,
  creationTrouble,
  type EventObject,
  type PodObject,
  type PodProgress,
  podProgress,
  type Trouble,
} from './pod-trouble.ts';

export interface WaitOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly stage: (text: string) => void;
}

interface DeploymentObject {
  readonly metadata: {
    readonly uid: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

interface ReplicaSetObject {
  readonly metadata: DeploymentObject['metadata'] & { readonly ownerReferences?: readonly { readonly uid: string }[] };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface List<T> {
  readonly items: readonly T[];
}

/** Often enough that nobody waits for the poll, seldom enough for a busy API server. */
const pollMs = 500;

const revisionAnnotation = 'deployment.kubernetes.io/revision';

const imageReasons = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'];

/** How many lines of a crashing container's log go into the error. */
const logLines = 6;

/**
 * Waits until the Deployment's newest revision serves and former ones are gone.
 *
 * @throws AppError `install.failed` with the cause, as soon as it is certain or the time is over.
 */
export async function waitUntilReady(options: WaitOptions): Promise<void> {
  const deadlineAt = performance.now() + options.timeoutMs;
  let trouble: { readonly trouble: Trouble; readonly since: number } | undefined;
  let lastStage = '';
  for (;;) {
    const seen = await look(options).catch((error: unknown): Look => {
      // A connection that breaks while a pod starts is no reason to take everything back.
      if (options.signal.aborted || error instanceof KubeStatusError) throw error;
      return { progress: { stage: 'the API server does not answer', trouble: { reason: AppError.from(error).message } } };
    });
    if (seen === 'ready') return;
    const { progress, pod } = seen;
    const now = performance.now();
    // The same kind of trouble may word itself differently at every look.
    const isSame = trouble !== undefined && progress.trouble?.finalAfterMs === trouble.trouble.finalAfterMs;
    trouble =
      progress.trouble === undefined
        ? undefined
        : { trouble: progress.trouble, since: isSame && trouble !== undefined ? trouble.since : now };
    if (progress.stage !== lastStage) options.stage(`Waiting for the traffic-manager: ${progress.stage}`);
    lastStage = progress.stage;
    const isFinal = trouble?.trouble.finalAfterMs !== undefined && now - trouble.since >= trouble.trouble.finalAfterMs;
    if (isFinal || now >= deadlineAt) throw await failure(options, progress, pod, isFinal);
    await delay(pollMs, undefined, { signal: options.signal });
  }
}

interface Look {
  readonly progress: PodProgress;
  readonly pod?: PodObject;
}

async function look(options: WaitOptions): Promise<'ready' | Look> {
  const { client, namespace, signal } = options;
  const deployment = await client.find<DeploymentObject>(
    `/apis/apps/v1/namespaces/${namespace}/deployments/${managerName}`,
    signal,
  );
  if (deployment === undefined)
    return {
      progress: {
        stage: 'its Deployment has been removed',
        trouble: { reason: 'Somebody removed the Deployment', finalAfterMs: 0 },
      },
    };
  if (isReady(deployment)) return 'ready';
  const replicaSet = await newestReplicaSet(options, deployment);
  if (replicaSet === undefined) {
    const trouble = creationTrouble(deployment.status?.conditions ?? []);
    return { progress: { stage: 'its pod is being created', ...(trouble === undefined ? {} : { trouble }) } };
  }
  const pods = await client.request<List<PodObject>>({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { labelSelector },
    signal,
  });
  const pod = pods.items.find(
    ({ metadata }) =>
      metadata.deletionTimestamp === undefined &&
      metadata.ownerReferences?.some(({ uid }) => uid === replicaSet.metadata.uid) === true,
  );
  if (pod !== undefined) return { pod, progress: podProgress(pod, await eventsOf(options, pod)) };
  const trouble = creationTrouble(replicaSet.status?.conditions ?? []);
  return {
    progress: {
      stage: trouble === undefined ? 'its pod is being created' : 'its pod is refused',
      ...(trouble === undefined ? {} : { trouble }),
    },
  };
}

const labelSelector = Object.entries(managerSelector)
  .map(([key, value]) => `${key}=${value}`)
  .join(',');

function isReady({ metadata, spec, status }: DeploymentObject): boolean {
  const wanted = spec.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted
  );
}

async function newestReplicaSet(
  { client, namespace, signal }: WaitOptions,
  deployment: DeploymentObject,
): Promise<ReplicaSetObject | undefined> {
  if ((deployment.status?.observedGeneration ?? 0) < (deployment.metadata.generation ?? 0)) return undefined;
  const path = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
  const { items } = await client.request<List<ReplicaSetObject>>({ method: 'GET', path, query: { labelSelector }, signal });
  const revision = deployment.metadata.annotations?.[revisionAnnotation];
  return items.find(
    ({ metadata }) =>
      metadata.annotations?.[revisionAnnotation] === revision &&
      metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) === true,
  );
}

/** Oldest first; nothing for those who may not read events. */
async function eventsOf({ client, namespace, signal }: WaitOptions, pod: PodObject): Promise<readonly EventObject[]> {
  const query = { fieldSelector: `involvedObject.name=${pod.metadata.name}` };
  try {
    const { items } = await client.request<List<EventObject>>({
      method: 'GET',
      path: `/api/v1/namespaces/${namespace}/events`,
      query,
      signal,
    });
    const time = (event: EventObject) => event.lastTimestamp ?? event.eventTime ?? '';
    return items.toSorted((one, other) => (time(one) < time(other) ? -1 : 1));
  } catch (error) {
    if (error instanceof KubeStatusError) return [];
    throw error;
  }
}

async function failure(
  options: WaitOptions,
  progress: PodProgress,
  pod: PodObject | undefined,
  isFinal: boolean,
): Promise<AppError> {
  const { namespace, timeoutMs } = options;
  const log = progress.trouble?.hasLog === true && pod !== undefined ? await logOf(options, pod) : '';
  const cause = progress.trouble?.reason ?? `${progress.stage}, and that is all that the cluster says`;
  const inTime = isFinal ? '' : ` within ${Math.round(timeoutMs / 1_000)} s`;
  return new AppError({
    code: 'install.failed',
    message: `The traffic-manager in namespace "${namespace}" did not become ready${inTime}`,
    reason: log === '' ? cause : `${cause}; its log ends with:\n${log}`,
    remedies: imageReasons.includes(progress.stage)
      ? [
          {
            label: 'Name an image that the cluster can pull',
            command: 'telepresence helm install --set image.registry=REGISTRY,image.tag=VERSION',
          },
        ]
      : isFinal
        ? []
        : [{ label: 'Wait longer: raise timeouts.helm in config.yml' }],
  });
}

/** The end of the log: of the container that ended last, or of the one that runs. */
async function logOf({ client, namespace, signal }: WaitOptions, pod: PodObject): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/log`;
  for (const previous of [true, false]) {
    try {
      const text = await client.requestText({ method: 'GET', path, query: { previous, tailLines: logLines }, signal });
      if (text.trim() !== '') return text.trimEnd();
    } catch (error) {
      if (!(error instanceof KubeStatusError)) throw error;
    }
  }
  return '';
}
