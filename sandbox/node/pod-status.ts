import { kubeTime } from '../store/objects.ts';
import type { ContainerRunner } from './container-runner.ts';
import type { Condition, Pod, PodStatus } from './pod-types.ts';

/** What a pod's status is made of. */
export interface PodView {
  readonly runners: readonly ContainerRunner[];
  readonly isInitialized: boolean;
  readonly startTime: string;
  readonly hostIp: string;
  readonly ip: string | undefined;
}

/** The status as the kubelet writes it; conditions of others are kept, and so is the time of those that did not change. */
export function podStatus(pod: Pod, { runners, isInitialized, startTime, hostIp, ip }: PodView): PodStatus {
  const main = runners.filter(({ kind }) => kind === 'main').map((runner) => runner.status());
  const sidecars = runners.filter(({ kind }) => kind === 'sidecar').map((runner) => runner.status());
  const init = runners.filter(({ kind }) => kind !== 'main').map((runner) => runner.status());
  const phase = podPhase(pod, runners);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const unready = [...main, ...sidecars].filter(({ ready }) => !ready).map(({ name }) => name);
  const areContainersReady = main.length > 0 && unready.length === 0;
  const gates = (pod.spec.readinessGates ?? []).every(({ conditionType }) =>
    pod.status?.conditions?.some(({ type, status }) => type === conditionType && status === 'True'),
  );
  const why = isOver
    ? { reason: 'PodCompleted' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const incomplete = init.filter(({ ready }) => !ready).map(({ name }) => name);
  const initWhy = { reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` };
  const gateWhy = {
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate does not exist or is not "True".',
  };
  const conditions = [
    newCondition('PodReadyToStartContainers', ip !== undefined && !isOver),
    newCondition('Initialized', isInitialized, isOver ? why : initWhy),
    newCondition('Ready', areContainersReady && gates && !isOver, areContainersReady ? gateWhy : why),
    newCondition('ContainersReady', areContainersReady && !isOver, why),
  ];
  return {
    ...pod.status,
    phase,
    conditions: mergeConditions(pod.status?.conditions ?? [], conditions),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime,
    qosClass: pod.status?.['qosClass'] ?? 'Burstable',
    ...(main.length === 0 ? {} : { containerStatuses: main }),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
  };
}

/** New conditions in place of former ones of their type. */
export function mergeConditions(former: readonly Condition[], next: readonly Condition[]): readonly Condition[] {
  const kept = former.filter(({ type }) => !next.some((condition) => condition.type === type));
  return [
    ...kept,
    ...next.map((condition) => {
      const previous = former.find(({ type }) => type === condition.type);
      const isSame = previous?.status === condition.status && previous.lastTransitionTime !== undefined;
      return { ...condition, lastTransitionTime: isSame ? previous.lastTransitionTime : kubeTime(new Date()) };
    }),
  ];
}

function newCondition(
  type: string,
  isTrue: boolean,
  why: { readonly reason: string; readonly message?: string } = { reason: '' },
): Condition {
  return { type, status: isTrue ? 'True' : 'False', lastProbeTime: null, ...(isTrue || why.reason === '' ? {} : why) };
}

function podPhase(pod: Pod, runners: readonly ContainerRunner[]): NonNullable<PodStatus['phase']> {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const states = (kind: 'main' | 'init') =>
    runners.filter((runner) => runner.kind === kind).map((runner) => runner.status().state);
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  const failedInit = states('init').some(({ terminated }) => terminated !== undefined && terminated.exitCode !== 0);
  if (failedInit && policy === 'Never') return 'Failed';
  const main = states('main');
  const ended = main.flatMap(({ terminated }) => (terminated === undefined ? [] : [terminated.exitCode]));
  if (main.length > 0 && ended.length === main.length) {
    const isGood = ended.every((code) => code === 0);
    if (policy === 'Never' || isDeleted || (policy === 'OnFailure' && isGood)) return isGood ? 'Succeeded' : 'Failed';
    return 'Running';
  }
  const hasStarted = main.some(({ running, terminated }) => running !== undefined || terminated !== undefined);
  const hasRestarted = runners.some((runner) => runner.kind === 'main' && runner.status().restartCount > 0);
  return hasStarted || hasRestarted ? 'Running' : 'Pending';
}
