import { fieldAt, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { resources } from '../../store/resources.ts';
import { forbidden } from '../../store/status-error.ts';
import type { ObjectStore } from '../../store/store.ts';

type Fields = Readonly<Record<string, unknown>>;

const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** Capabilities that containers of the level `baseline` may add. */
const plainCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/** @throws StatusError 403 where the namespace's label asks for more than the pod gives, in the words of Kubernetes */
export function requirePodSecurity(store: ObjectStore, pod: KubeObject): void {
  const { namespace, name } = pod.metadata;
  const level = store.get(resources.namespaces, undefined, namespace ?? '')?.metadata.labels?.[enforceLabel] ?? 'privileged';
  if (level === 'privileged') return;
  const violations = level === 'baseline' ? baseline(pod) : [...baseline(pod), ...restricted(pod)];
  if (violations.length === 0) return;
  throw forbidden(resources.pods, name, `violates PodSecurity "${level}:latest": ${violations.join(', ')}`);
}

function baseline(pod: KubeObject): readonly string[] {
  const hostNamespaces = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => fieldAt(pod, 'spec', field) === true);
  const hostPaths = listAt(pod, 'spec', 'volumes').filter(({ hostPath }) => hostPath !== undefined);
  const added = (container: Fields) =>
    capabilities(container, 'add').filter((capability) => !plainCapabilities.includes(capability));
  return [
    ...(hostNamespaces.length === 0 ? [] : [`host namespaces (${hostNamespaces.map((field) => `${field}=true`).join(', ')})`]),
    ...(hostPaths.length === 0 ? [] : [`hostPath volumes (volumes ${names(hostPaths)})`]),
    ...rule(
      pod,
      'privileged',
      'must not set securityContext.privileged=true',
      (container) => security(container, 'privileged') !== true,
    ),
    ...rule(
      pod,
      'non-default capabilities',
      `must not include ${JSON.stringify([...new Set(containersOf(pod).flatMap(added))].join('", "'))} in securityContext.capabilities.add`,
      (container) => added(container).length === 0,
    ),
  ];
}

function restricted(pod: KubeObject): readonly string[] {
  const ofPod = (field: string) => fieldAt(pod, 'spec', 'securityContext', field);
  const profiles = ['RuntimeDefault', 'Localhost'];
  const profileOf = (context: unknown) => textAt(context, 'type');
  return [
    ...rule(
      pod,
      'allowPrivilegeEscalation != false',
      'must set securityContext.allowPrivilegeEscalation=false',
      (container) => security(container, 'allowPrivilegeEscalation') === false,
    ),
    ...rule(pod, 'unrestricted capabilities', 'must set securityContext.capabilities.drop=["ALL"]', (container) =>
      capabilities(container, 'drop').includes('ALL'),
    ),
    ...rule(
      pod,
      'unrestricted capabilities',
      'must not include more than "NET_BIND_SERVICE" in securityContext.capabilities.add',
      (container) => capabilities(container, 'add').every((capability) => capability === 'NET_BIND_SERVICE'),
    ),
    ...rule(
      pod,
      'runAsNonRoot != true',
      'must set securityContext.runAsNonRoot=true',
      (container) => (security(container, 'runAsNonRoot') ?? ofPod('runAsNonRoot')) === true,
      'pod or ',
    ),
    ...rule(
      pod,
      'runAsUser=0',
      'must not set runAsUser=0',
      (container) => (security(container, 'runAsUser') ?? ofPod('runAsUser')) !== 0,
    ),
    ...rule(
      pod,
      'seccompProfile',
      'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
      (container) => profiles.includes(profileOf(security(container, 'seccompProfile') ?? ofPod('seccompProfile'))),
      'pod or ',
    ),
  ];
}

function rule(
  pod: KubeObject,
  title: string,
  demand: string,
  holds: (container: Fields) => boolean,
  prefix = '',
): readonly string[] {
  const failing = containersOf(pod).filter((container) => !holds(container));
  if (failing.length === 0) return [];
  return [`${title} (${prefix}container${failing.length === 1 ? '' : 's'} ${names(failing)} ${demand})`];
}

function containersOf(pod: KubeObject): readonly Fields[] {
  return [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')];
}

function security(container: Fields, field: string): unknown {
  return fieldAt(container, 'securityContext', field);
}

function capabilities(container: Fields, list: 'add' | 'drop'): readonly string[] {
  const found = fieldAt(container, 'securityContext', 'capabilities', list);
  return Array.isArray(found) ? found.map(String) : [];
}

function names(items: readonly Fields[]): string {
  return items.map((item) => JSON.stringify(textAt(item, 'name'))).join(', ');
}
