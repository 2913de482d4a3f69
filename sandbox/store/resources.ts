/** A kind of object that the API serves. */
export interface Resource {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
  /** `status`, `scale`, … */
  readonly subresources: readonly string[];
  /** kubectl's `get all`. */
  readonly categories: readonly string[];
}

interface ResourceOptions {
  readonly shortNames?: readonly string[];
  readonly subresources?: readonly string[];
  readonly isNamespaced?: boolean;
  readonly isInAll?: boolean;
  readonly plural?: string;
}

function resource(apiVersion: string, kind: string, options: ResourceOptions = {}): Resource {
  const [first = '', second] = apiVersion.split('/');
  const singular = kind.toLowerCase();
  return {
    group: second === undefined ? '' : first,
    version: second ?? first,
    plural: options.plural ?? `${singular}s`,
    singular,
    kind,
    shortNames: options.shortNames ?? [],
    isNamespaced: options.isNamespaced ?? true,
    subresources: options.subresources ?? [],
    categories: options.isInAll === true ? ['all'] : [],
  };
}

const status = ['status'];
const scalable = ['status', 'scale'];
const rbac = 'rbac.authorization.k8s.io/v1';
const admission = 'admissionregistration.k8s.io/v1';
const cluster = { isNamespaced: false };

export const resources = {
  namespaces: resource('v1', 'Namespace', { ...cluster, shortNames: ['ns'], subresources: ['status', 'finalize'] }),
  nodes: resource('v1', 'Node', { ...cluster, shortNames: ['no'], subresources: status }),
  persistentVolumes: resource('v1', 'PersistentVolume', { ...cluster, shortNames: ['pv'], subresources: status }),
  pods: resource('v1', 'Pod', {
    shortNames: ['po'],
    isInAll: true,
    subresources: ['status', 'binding', 'eviction', 'log', 'exec', 'attach', 'portforward', 'ephemeralcontainers'],
  }),
  services: resource('v1', 'Service', { shortNames: ['svc'], isInAll: true, subresources: status }),
  endpoints: resource('v1', 'Endpoints', { shortNames: ['ep'], plural: 'endpoints' }),
  configMaps: resource('v1', 'ConfigMap', { shortNames: ['cm'] }),
  secrets: resource('v1', 'Secret'),
  serviceAccounts: resource('v1', 'ServiceAccount', { shortNames: ['sa'], subresources: ['token'] }),
  events: resource('v1', 'Event', { shortNames: ['ev'] }),
  limitRanges: resource('v1', 'LimitRange', { shortNames: ['limits'] }),
  resourceQuotas: resource('v1', 'ResourceQuota', { shortNames: ['quota'], subresources: status }),
  persistentVolumeClaims: resource('v1', 'PersistentVolumeClaim', { shortNames: ['pvc'], subresources: status }),
  replicationControllers: resource('v1', 'ReplicationController', {
    shortNames: ['rc'],
    isInAll: true,
    subresources: scalable,
  }),
  deployments: resource('apps/v1', 'Deployment', { shortNames: ['deploy'], isInAll: true, subresources: scalable }),
  replicaSets: resource('apps/v1', 'ReplicaSet', { shortNames: ['rs'], isInAll: true, subresources: scalable }),
  statefulSets: resource('apps/v1', 'StatefulSet', { shortNames: ['sts'], isInAll: true, subresources: scalable }),
  daemonSets: resource('apps/v1', 'DaemonSet', { shortNames: ['ds'], isInAll: true, subresources: status }),
  controllerRevisions: resource('apps/v1', 'ControllerRevision'),
  jobs: resource('batch/v1', 'Job', { isInAll: true, subresources: status }),
  cronJobs: resource('batch/v1', 'CronJob', { shortNames: ['cj'], isInAll: true, subresources: status }),
  endpointSlices: resource('discovery.k8s.io/v1', 'EndpointSlice'),
  leases: resource('coordination.k8s.io/v1', 'Lease'),
  podDisruptionBudgets: resource('policy/v1', 'PodDisruptionBudget', { shortNames: ['pdb'], subresources: status }),
  networkPolicies: resource('networking.k8s.io/v1', 'NetworkPolicy', { shortNames: ['netpol'], plural: 'networkpolicies' }),
  ingresses: resource('networking.k8s.io/v1', 'Ingress', { shortNames: ['ing'], plural: 'ingresses', subresources: status }),
  serviceCidrs: resource('networking.k8s.io/v1', 'ServiceCIDR', { ...cluster, subresources: status }),
  roles: resource(rbac, 'Role'),
  roleBindings: resource(rbac, 'RoleBinding'),
  clusterRoles: resource(rbac, 'ClusterRole', cluster),
  clusterRoleBindings: resource(rbac, 'ClusterRoleBinding', cluster),
  mutatingWebhookConfigurations: resource(admission, 'MutatingWebhookConfiguration', cluster),
  validatingWebhookConfigurations: resource(admission, 'ValidatingWebhookConfiguration', cluster),
  priorityClasses: resource('scheduling.k8s.io/v1', 'PriorityClass', {
    ...cluster,
    shortNames: ['pc'],
    plural: 'priorityclasses',
  }),
} as const satisfies Readonly<Record<string, Resource>>;

export const allResources: readonly Resource[] = Object.values(resources);

/** `apps/v1`, and `v1` for the core group. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** What names a resource within the store and in rules of roles: `deployments.apps`. */
export function resourceKey({ group, plural }: Resource): string {
  return `${plural}.${group}`;
}
