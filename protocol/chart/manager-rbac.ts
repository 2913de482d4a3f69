import { injectorClusterRules, injectorNamespaceRules, injectorOwnRules } from './injector-objects.ts';
import { type ChartRelease, chartObject, type KubeObject } from './kube-object.ts';
import { managerName } from './manager-environment.ts';
import { grant, type PolicyRule, read } from './roles.ts';
import type { ChartValues } from './values.ts';

/**
 * The identity of the traffic-manager and its rights. With a list of namespaces every right is in one of these or in its own, so that who
 * administers only them can install it; then nodes, service ranges and the identities of callers cannot be looked up.
 */
export function managerRbac(release: ChartRelease, values: ChartValues): readonly KubeObject[] {
  const { namespace } = release;
  const subjects = [{ kind: 'ServiceAccount', name: managerName, namespace }] as const;
  const role = (where: string | undefined, name: string, rules: readonly PolicyRule[]) =>
    grant(release, { name, namespace: where, rules }, subjects);
  const account = chartObject(release, { apiVersion: 'v1', kind: 'ServiceAccount', name: managerName, namespace }, {});
  if (values.namespaces.length === 0) {
    return [
      account,
      ...role(undefined, `${managerName}-${namespace}`, [
        ...clusterRules,
        ...injectorClusterRules(release, values),
        ...namespaceRules(values),
      ]),
      ...role(namespace, managerName, [...ownRules, ...injectorOwnRules(values)]),
    ];
  }
  const others = values.namespaces.filter((managed) => managed !== namespace);
  const isOwnManaged = others.length < values.namespaces.length;
  return [
    account,
    ...role(undefined, `${managerName}-${namespace}`, injectorClusterRules(release, values)),
    ...role(namespace, managerName, [...ownRules, ...injectorOwnRules(values), ...(isOwnManaged ? namespaceRules(values) : [])]),
    // The namespace of the release is in the name, for several traffic-managers may once have managed the same namespace.
    ...others.flatMap((managed) => role(managed, `${managerName}-${namespace}`, namespaceRules(values))),
  ];
}

const clusterRules: readonly PolicyRule[] = [
  // The pods' subnets, and the services'.
  { apiGroups: [''], resources: ['nodes'], verbs: read },
  { apiGroups: ['networking.k8s.io'], resources: ['servicecidrs'], verbs: read },
  // Who calls, and whether they may.
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

const ownRules: readonly PolicyRule[] = [
  // Settings for laptops, as they change.
  { apiGroups: [''], resources: ['configmaps'], verbs: read, resourceNames: [managerName] },
  // Asking (as a dry run) for an impossible address tells the range of services where the cluster has no objects that say it.
  { apiGroups: [''], resources: ['services'], verbs: ['create'] },
];

function namespaceRules(values: ChartValues): readonly PolicyRule[] {
  const { workloads } = values;
  const resources = [
    ...(workloads.deployments.enabled ? ['deployments'] : []),
    // Pods of Deployments belong to ReplicaSets.
    ...(workloads.replicaSets.enabled || workloads.deployments.enabled ? ['replicasets'] : []),
    ...(workloads.statefulSets.enabled ? ['statefulsets'] : []),
  ];
  return [
    { apiGroups: [''], resources: ['namespaces', 'pods', 'services'], verbs: read },
    // Why a pod does not start. The core group's: administrators of a namespace have that one to give.
    { apiGroups: [''], resources: ['events'], verbs: read },
    ...(resources.length === 0 ? [] : [{ apiGroups: ['apps'], resources, verbs: read }]),
    ...(workloads.argoRollouts.enabled ? [{ apiGroups: ['argoproj.io'], resources: ['rollouts'], verbs: read }] : []),
    ...injectorNamespaceRules(values),
  ];
}
