import type { WorkloadRow } from '../stores/workloads.ts';
import { podShellCommand } from './command-line.ts';

type KnownWorkload = Pick<WorkloadRow, 'workload' | 'details'>;

/** Where its Services are, from any namespace. `isHttp`: a browser may show something. */
export function workloadAddresses({
  workload,
  details,
}: KnownWorkload): readonly { readonly address: string; readonly isHttp: boolean }[] {
  return (details?.services ?? []).flatMap(({ name, ports }) =>
    ports.map(({ name: portName = '', port, protocol, appProtocol = '' }) => ({
      address: `${name}.${workload.namespace}:${port}`,
      isHttp:
        protocol === 'TCP' && (appProtocol.startsWith('http') || /^http\b/.test(portName) || [80, 8080, 3000].includes(port)),
    })),
  );
}

/**
 * What opens a shell, for each container, in a pod that is ready if any is. None where the workload is known to have no pods; where its
 * pods are not known, kubectl chooses, and `container` is empty.
 */
export function workloadShells({
  workload,
  details,
}: KnownWorkload): readonly { readonly container: string; readonly command: readonly string[] }[] {
  if (details === undefined) return [{ container: '', command: podShellCommand(workload, undefined, undefined) }];
  const pod = details.pods.find(({ ready }) => ready) ?? details.pods[0];
  if (pod === undefined) return [];
  return details.containers.map(({ name }) => ({ container: name, command: podShellCommand(workload, pod.name, name) }));
}
