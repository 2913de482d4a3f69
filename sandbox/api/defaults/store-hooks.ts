import { isDeepStrictEqual } from 'node:util';
import type { Cidr } from '#base/common/cidr.ts';
import { fieldAt, isRecord, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { allResources, type Resource, resources } from '../../store/resources.ts';
import { type FieldCause, invalid } from '../../store/status-error.ts';
import type { ObjectStore, StoreHooks } from '../../store/store.ts';
import { qosClass, withPodDefaults, withScheduledPodDefaults } from './pod-defaults.ts';
import { serviceHooks } from './service-defaults.ts';
import { validatePodSpec, workloadHooks } from './workload-defaults.ts';

/** Teaches the store what Kubernetes fills in, checks and forbids. */
export function installHooks(store: ObjectStore, options: { readonly serviceCidr: Cidr }): void {
  for (const resource of allResources) store.addHooks(resource, { validate: (object) => validateName(resource, object) });
  for (const [resource, hooks] of workloadHooks) store.addHooks(resource, hooks);
  store.addHooks(resources.pods, podHooks);
  store.addHooks(resources.services, serviceHooks(store, options.serviceCidr));
  store.addHooks(resources.namespaces, namespaceHooks);
  store.addHooks(resources.secrets, secretHooks);
  for (const resource of [resources.roleBindings, resources.clusterRoleBindings]) store.addHooks(resource, bindingHooks);
}

/** DNS subdomain names, but for RBAC, which allows more. */
function validateName(resource: Resource, { metadata: { name } }: KubeObject): readonly FieldCause[] {
  const isFree = resource.group === 'rbac.authorization.k8s.io';
  if (isFree ? !/[/%]|^\.{1,2}$/.test(name) : /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return [];
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [{ field: 'metadata.name', message: `Invalid value: ${JSON.stringify(name)}: ${rule}` }];
}

const podHooks: StoreHooks = {
  prepareCreate: (pod) => {
    const spec = withPodDefaults(withScheduledPodDefaults(isRecord(pod.spec) ? pod.spec : {}));
    return { ...pod, spec, status: pod.status ?? { phase: 'Pending', qosClass: qosClass(spec) } };
  },
  validate: (pod, previous) => {
    if (previous === undefined) return validatePodSpec(pod.spec, 'spec');
    if (isDeepStrictEqual(changeable(pod.spec), changeable(previous.spec))) return [];
    const message =
      'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
    return [{ field: 'spec', message, reason: 'FieldValueForbidden' }];
  },
  gracePeriodSeconds: (pod) => {
    const hasRun = textAt(pod, 'spec', 'nodeName') !== '' && !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
    return hasRun ? Math.max(1, Number(fieldAt(pod, 'spec', 'terminationGracePeriodSeconds') ?? 30)) : 0;
  },
};

/** The specification without what an update may change, or the scheduler sets. */
function changeable(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  const {
    nodeName: _node,
    tolerations: _tolerations,
    activeDeadlineSeconds: _deadline,
    ephemeralContainers: _debug,
    ...rest
  } = spec;
  const withoutImage = (list: string) => listAt(spec, list).map(({ image: _image, ...container }) => container);
  return { ...rest, containers: withoutImage('containers'), initContainers: withoutImage('initContainers') };
}

const namespaceHooks: StoreHooks = {
  prepareCreate: (namespace) => ({
    ...named(namespace),
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }),
  prepareUpdate: named,
  markDeleted: (namespace) => ({ ...namespace, status: { phase: 'Terminating' } }),
};

function named(namespace: KubeObject): KubeObject {
  const { metadata } = namespace;
  const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  return { ...namespace, metadata: { ...metadata, labels } };
}

const secretHooks: StoreHooks = { prepareCreate: withSecretData, prepareUpdate: withSecretData };

function withSecretData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  const encoded = Object.entries((stringData ?? {}) as Readonly<Record<string, string>>).map(
    ([key, text]) => [key, Buffer.from(text).toString('base64')] as const,
  );
  const data = { ...(rest['data'] as object | undefined), ...Object.fromEntries(encoded) };
  return { type: 'Opaque', ...rest, ...(Object.keys(data).length === 0 ? {} : { data }) };
}

const bindingHooks: StoreHooks = {
  prepareCreate: withSubjectGroups,
  prepareUpdate: (next, previous) => {
    const resource = next.kind === 'RoleBinding' ? resources.roleBindings : resources.clusterRoleBindings;
    const prepared = withSubjectGroups(next);
    if (!isDeepStrictEqual(prepared['roleRef'], previous['roleRef'])) {
      const message = `Invalid value: ${JSON.stringify(next['roleRef'])}: cannot change roleRef`;
      throw invalid(resource, next.metadata.name, [{ field: 'roleRef', message }]);
    }
    return prepared;
  },
};

function withSubjectGroups(binding: KubeObject): KubeObject {
  const subjects = listAt(binding, 'subjects').map((subject) =>
    subject['kind'] === 'ServiceAccount' ? subject : { apiGroup: 'rbac.authorization.k8s.io', ...subject },
  );
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', ...(binding['roleRef'] as object | undefined) };
  return { ...binding, roleRef, ...(subjects.length === 0 ? {} : { subjects }) };
}
