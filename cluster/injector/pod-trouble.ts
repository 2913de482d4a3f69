import { agentContainerName, agentInitContainerName } from '#protocol/agent/agent-config.ts';
import type { ContainerStatus, PodObject } from './pod-types.ts';

/** Why a pod's agent does not run. */
export interface PodTrouble {
  readonly reason: string;
  /** It will not get better by waiting. */
  readonly isFinal: boolean;
}

/** Reasons for which a container waits that somebody has to do something about. */
const finalReasons: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** Looks at the agent and what has to end before it starts; an app that fails for itself can be intercepted all the same. */
export function podTrouble(pod: PodObject): PodTrouble | undefined {
  const { status, metadata } = pod;
  const name = metadata?.name ?? '';
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    // A node may be on its way.
    return { reason: `Pod ${name} cannot be scheduled: ${scheduled.message ?? scheduled.reason ?? ''}`, isFinal: false };
  }
  const inits = status?.initContainerStatuses ?? [];
  const agent = status?.containerStatuses?.find((container) => container.name === agentContainerName);
  const blocking = inits.find(
    (container) => container.state?.waiting !== undefined && container.state.waiting.reason !== 'PodInitializing',
  );
  const failed = inits.find((container) => (container.state?.terminated?.exitCode ?? 0) !== 0);
  const culprit = blocking ?? failed ?? agent;
  return culprit === undefined ? undefined : containerTrouble(name, culprit);
}

function containerTrouble(pod: string, container: ContainerStatus): PodTrouble | undefined {
  const { state, lastState, name } = container;
  const label = name === agentContainerName || name === agentInitContainerName ? name : `init container ${name}`;
  const ended = state?.terminated ?? lastState?.terminated;
  const lastWords =
    ended === undefined ? '' : `it ended with code ${ended.exitCode ?? '?'}${said(ended.message ?? ended.reason)}`;
  if (state?.waiting !== undefined) {
    const { reason = '', message } = state.waiting;
    if (reason === '' || reason === 'ContainerCreating' || reason === 'PodInitializing') return undefined;
    const why = reason === 'CrashLoopBackOff' && lastWords !== '' ? lastWords : `${reason}${said(message)}`;
    return { reason: `${label} of pod ${pod} does not start: ${why}`, isFinal: finalReasons.has(reason) };
  }
  if (state?.terminated !== undefined && (state.terminated.exitCode ?? 0) !== 0) {
    return { reason: `${label} of pod ${pod} failed: ${lastWords}`, isFinal: false };
  }
  return undefined;
}

function said(message: string | undefined): string {
  const text = message?.trim() ?? '';
  // The end of a log says what went wrong.
  return text === '' ? '' : `: ${text.length > 500 ? `…${text.slice(-500)}` : text}`;
}
