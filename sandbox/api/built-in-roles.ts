import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import type { PolicyRule } from './authorization.ts';

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const workloads: PolicyRule = {
  apiGroups: ['', 'apps', 'batch', 'policy', 'networking.k8s.io', 'discovery.k8s.io', 'coordination.k8s.io'],
  resources: [
    'pods',
    'pods/log',
    'pods/status',
    'services',
    'endpoints',
    'endpointslices',
    'configmaps',
    'serviceaccounts',
    'persistentvolumeclaims',
    'replicationcontrollers',
    'deployments',
    'deployments/scale',
    'replicasets',
    'replicasets/scale',
    'statefulsets',
    'statefulsets/scale',
    'daemonsets',
    'jobs',
    'cronjobs',
    'poddisruptionbudgets',
    'ingresses',
    'networkpolicies',
  ],
  verbs: read,
};
const viewRules: readonly PolicyRule[] = [
  workloads,
  { apiGroups: [''], resources: ['namespaces', 'events', 'limitranges', 'resourcequotas'], verbs: read },
];
const editRules: readonly PolicyRule[] = [
  ...viewRules,
  { ...workloads, verbs: write },
  { apiGroups: [''], resources: ['secrets'], verbs: [...read, ...write] },
  {
    apiGroups: [''],
    resources: ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/eviction', 'serviceaccounts/token'],
    verbs: ['create', 'get'],
  },
  { apiGroups: [''], resources: ['events'], verbs: write },
];
const rolesAndBindings = {
  apiGroups: ['rbac.authorization.k8s.io'],
  resources: ['roles', 'rolebindings'],
  verbs: [...read, ...write],
};
const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** The roles that people bind to without making them. */
export function createBuiltInRoles(store: ObjectStore): void {
  const roles = { 'cluster-admin': everything, admin: [...editRules, rolesAndBindings], edit: editRules, view: viewRules };
  for (const [name, rules] of Object.entries(roles)) store.create(resources.clusterRoles, { metadata: { name }, rules });
  store.create(resources.clusterRoleBindings, {
    metadata: { name: 'cluster-admin' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:masters' }],
  });
}
