import type { AgentContainer } from '#protocol/agent/agent-config.ts';
import { prefixedReferences } from './app-environment.ts';
import type { InjectAnnotations, MountPolicy } from './inject-annotations.ts';
import type { Container, VolumeMount } from './pod-types.ts';

export interface AppMounts {
  /** For the agent's container, below its `mountPoint`. */
  readonly volumeMounts: readonly VolumeMount[];
  /** For the agent's configuration. */
  readonly mounts: AgentContainer['mounts'];
}

/** What the agent mounts of an app container's volumes: policies of the pod go before those of the chart, paths before volumes. */
export function appMounts(
  container: Container,
  { mountPoint, envPrefix }: Pick<AgentContainer, 'mountPoint' | 'envPrefix'>,
  annotations: Pick<InjectAnnotations, 'ignoredVolumes' | 'mountPolicies'>,
  defaults: Readonly<Record<string, MountPolicy>>,
): AppMounts {
  const volumeMounts: VolumeMount[] = [];
  const mounts: AgentContainer['mounts'] = [];
  for (const mount of container.volumeMounts ?? []) {
    const policy = policyOf(mount, annotations, defaults);
    if (policy === 'Ignore') continue;
    mounts.push({ path: mount.mountPath, policy });
    if (policy === 'Local') continue;
    // Propagating mounts out of a container takes a privileged one.
    const { mountPropagation: _, subPathExpr, ...kept } = mount;
    volumeMounts.push({
      ...kept,
      mountPath: `${mountPoint}${mount.mountPath.startsWith('/') ? '' : '/'}${mount.mountPath}`,
      ...(subPathExpr === undefined ? {} : { subPathExpr: prefixedReferences(subPathExpr, container, envPrefix) }),
      ...(policy === 'RemoteReadOnly' ? { readOnly: true } : {}),
    });
  }
  return { volumeMounts, mounts };
}

function policyOf(
  mount: VolumeMount,
  { ignoredVolumes, mountPolicies }: Pick<InjectAnnotations, 'ignoredVolumes' | 'mountPolicies'>,
  defaults: Readonly<Record<string, MountPolicy>>,
): MountPolicy {
  if (ignoredVolumes.includes(mount.name)) return 'Ignore';
  const fallback = mount.readOnly === true ? 'RemoteReadOnly' : 'Remote';
  return find(mount, mountPolicies) ?? find(mount, defaults) ?? fallback;
}

/** The longest path that the mount is at or below, else the volume's name. */
function find({ mountPath, name }: VolumeMount, policies: Readonly<Record<string, MountPolicy>>): MountPolicy | undefined {
  const isBelow = (path: string) => mountPath === path || mountPath.startsWith(path.endsWith('/') ? path : `${path}/`);
  const [path] = Object.keys(policies)
    .filter((key) => key.startsWith('/') && isBelow(key))
    .sort((a, b) => b.length - a.length);
  return policies[path ?? name];
}
