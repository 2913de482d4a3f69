import { type KubeObject, listAt, textAt } from '../../store/objects.ts';

export function podReady(pod: KubeObject): string {
  const statuses = listAt(pod, 'status', 'containerStatuses');
  return `${statuses.filter(({ ready }) => ready === true).length}/${listAt(pod, 'spec', 'containers').length}`;
}

export function podRestarts(pod: KubeObject): string {
  const statuses = [...listAt(pod, 'status', 'containerStatuses')];
  return String(statuses.reduce((sum, { restartCount }) => sum + Number(restartCount ?? 0), 0));
}

/** One word for all that a pod may be in: its phase, or what keeps a container from running. */
export function podState(pod: KubeObject): string {
  const phase = textAt(pod, 'status', 'reason') || textAt(pod, 'status', 'phase') || 'Unknown';
  const inits = listAt(pod, 'status', 'initContainerStatuses');
  const total = listAt(pod, 'spec', 'initContainers').length;
  const pending = inits.findIndex(
    (status) => textAt(status, 'state', 'terminated', 'exitCode') !== '0' && status['ready'] !== true,
  );
  const init = pending === -1 ? undefined : initState(inits[pending], pending, total);
  const state = init ?? containersState(pod) ?? phase;
  return pod.metadata.deletionTimestamp === undefined ? state : 'Terminating';
}

function initState(status: unknown, index: number, total: number): string | undefined {
  if (textAt(status, 'state', 'running', 'startedAt') !== '' && (status as { readonly started?: boolean }).started === true)
    return undefined;
  const ended = textAt(status, 'state', 'terminated', 'reason');
  if (ended !== '') return `Init:${ended}`;
  const waiting = textAt(status, 'state', 'waiting', 'reason');
  return waiting === '' || waiting === 'PodInitializing' ? `Init:${index}/${total}` : `Init:${waiting}`;
}

function containersState(pod: KubeObject): string | undefined {
  const statuses = listAt(pod, 'status', 'containerStatuses');
  for (const status of statuses) {
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    if (waiting !== '') return waiting;
    const ended = textAt(status, 'state', 'terminated', 'reason');
    if (ended !== '' && textAt(pod, 'status', 'phase') !== 'Running') return ended;
  }
  return undefined;
}
