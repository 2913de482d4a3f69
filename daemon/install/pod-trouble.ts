/** What keeps a pod, or the creation of one, from becoming ready. */
export interface Trouble {
  readonly reason: string;
  /** How long it may last before waiting any longer is pointless; absent: until the deadline, for it may still go away by itself. */
  readonly finalAfterMs?: number;
  /** The container started and ended: its log may say why. */
  readonly hasLog?: boolean;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Terminated {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly {
      readonly ready?: boolean;
      readonly state?: {
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly running?: object;
        readonly terminated?: Terminated;
      };
      readonly lastState?: { readonly terminated?: Terminated };
    }[];
  };
}

export interface EventObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** Where a pod is on its way to being ready, in words that follow "Waiting for the traffic-manager: ". */
export interface PodProgress {
  readonly stage: string;
  readonly trouble?: Trouble;
}

/** Causes that a second look seconds later cannot change are given the time of a second look. */
const secondLookMs = 3_000;

/** Reasons of a waiting container, and how long each may last. */
const waitingReasons: Readonly<Record<string, number | undefined>> = {
  // The first failure may be a hiccup; after the second one the kubelet backs off.
  ErrImagePull: undefined,
  ImagePullBackOff: 0,
  ErrImageNeverPull: 0,
  InvalidImageName: 0,
  CreateContainerConfigError: secondLookMs,
  CreateContainerError: secondLookMs,
  RunContainerError: secondLookMs,
  CrashLoopBackOff: 0,
};

/** A ReplicaSet that may not create its pod: a quota, a policy, the Pod Security Standard of the namespace. */
export function creationTrouble(conditions: readonly Condition[]): Trouble | undefined {
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return failure === undefined
    ? undefined
    : { reason: failure.message ?? failure.reason ?? 'its pod cannot be created', finalAfterMs: secondLookMs };
}

export function podProgress(pod: PodObject, events: readonly EventObject[]): PodProgress {
  const { phase, reason, message, conditions = [], containerStatuses = [] } = pod.status ?? {};
  if (phase === 'Failed')
    return { stage: 'its pod has failed', trouble: { reason: join(reason, message), finalAfterMs: secondLookMs } };
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    return {
      stage: 'no node has room for its pod yet',
      trouble: { reason: `FailedScheduling: ${scheduled.message ?? 'no node fits'}` },
    };
  }
  const { state, lastState } = containerStatuses[0] ?? {};
  const waiting = state?.waiting;
  if (waiting?.reason !== undefined && waiting.reason in waitingReasons) {
    const finalAfterMs = waitingReasons[waiting.reason];
    const isCrash = waiting.reason === 'CrashLoopBackOff';
    return {
      stage: waiting.reason,
      trouble: {
        reason: isCrash ? `CrashLoopBackOff: ${exit(lastState?.terminated)}` : join(waiting.reason, waiting.message),
        ...(finalAfterMs === undefined ? {} : { finalAfterMs }),
        ...(isCrash ? { hasLog: true } : {}),
      },
    };
  }
  if (state?.terminated !== undefined)
    return { stage: 'it has ended', trouble: { reason: exit(state.terminated), hasLog: true } };
  const warning = events.findLast(({ type }) => type === 'Warning');
  const trouble =
    warning === undefined
      ? {}
      : { trouble: { reason: join(warning.reason, warning.message), hasLog: state?.running !== undefined } };
  if (state?.running !== undefined) return { stage: 'it has started', ...trouble };
  const isPulling = events.at(-1)?.reason === 'Pulling';
  return { stage: isPulling ? 'its image is being pulled' : 'its pod is being created', ...trouble };
}

function exit(terminated: Terminated | undefined): string {
  const code = terminated?.exitCode === undefined ? '' : ` with exit code ${terminated.exitCode}`;
  const why = [terminated?.reason === 'Error' ? undefined : terminated?.reason, terminated?.message].filter(
    (text) => text !== undefined,
  );
  return `the container ended${code}${why.length === 0 ? '' : ` (${why.join(': ')})`}`;
}

function join(reason: string | undefined, message: string | undefined): string {
  return [reason, message].filter((text) => text !== undefined && text !== '').join(': ');
}
