import { textAt } from '../store/objects.ts';
import { ContainerConfigError } from './container-config-error.ts';
import type { Container, Pod } from './pod-types.ts';

/** The value of a `fieldRef`, which a pod may learn of itself. */
export function fieldValue(pod: Pod, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed !== null) {
    const [, kind = '', key = ''] = keyed;
    return textAt(pod.metadata, kind, key);
  }
  if (path === 'metadata.labels' || path === 'metadata.annotations') {
    const values = path === 'metadata.labels' ? pod.metadata.labels : pod.metadata.annotations;
    return Object.entries(values ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  }
  if (path === 'status.podIPs') return (pod.status?.podIPs ?? []).map(({ ip }) => ip).join(',');
  if (path === 'status.hostIPs') return pod.status?.hostIP ?? '';
  return textAt(pod, ...path.split('.'));
}

/** The value of a `resourceFieldRef` in units of its divisor, rounded up; this node has a CPU and a gibibyte for who names no limit. @throws ContainerConfigError */
export function resourceValue(
  pod: Pod,
  container: Container,
  { containerName, resource, divisor }: { readonly containerName?: string; readonly resource: string; readonly divisor?: string },
): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const named = containerName === undefined ? container : all.find(({ name: own }) => own === containerName);
  if (named === undefined) throw new ContainerConfigError(`container ${containerName} not found in pod ${pod.metadata.name}`);
  const [kind = '', name = ''] = resource.split('.');
  const limit = named.resources?.limits?.[name] ?? (name === 'cpu' ? '1' : name === 'memory' ? '1Gi' : '0');
  const value = kind === 'requests' ? (named.resources?.requests?.[name] ?? '0') : limit;
  const unit = divisor === undefined || divisor === '0' ? '1' : divisor;
  return String(Math.ceil(quantity(value) / quantity(unit) - 1e-9));
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function quantity(text: string): number {
  const [, number = '0', suffix = ''] = /^([0-9.]+)(.*)$/.exec(text) ?? [];
  return Number(number) * (suffixes[suffix] ?? 1);
}
