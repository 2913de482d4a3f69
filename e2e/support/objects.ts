/** Kubernetes objects as far as the suite looks at them. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface KubeList<T> {
  readonly items: readonly T[];
}

export interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Service extends KubeObject {
  readonly spec: { readonly clusterIP?: string };
}

/** From which Services get their addresses. */
export interface ServiceRange extends KubeObject {
  readonly spec: { readonly cidrs: readonly string[] };
}

/** Path segment of each kind that the suite applies. */
const kinds: Readonly<Record<string, { readonly api: string; readonly plural: string; readonly isNamespaced: boolean }>> = {
  Namespace: { api: '/api/v1', plural: 'namespaces', isNamespaced: false },
  ConfigMap: { api: '/api/v1', plural: 'configmaps', isNamespaced: true },
  Secret: { api: '/api/v1', plural: 'secrets', isNamespaced: true },
  LimitRange: { api: '/api/v1', plural: 'limitranges', isNamespaced: true },
  Pod: { api: '/api/v1', plural: 'pods', isNamespaced: true },
  Service: { api: '/api/v1', plural: 'services', isNamespaced: true },
  ServiceCIDR: { api: '/apis/networking.k8s.io/v1', plural: 'servicecidrs', isNamespaced: false },
  ServiceAccount: { api: '/api/v1', plural: 'serviceaccounts', isNamespaced: true },
  ResourceQuota: { api: '/api/v1', plural: 'resourcequotas', isNamespaced: true },
  Deployment: { api: '/apis/apps/v1', plural: 'deployments', isNamespaced: true },
  StatefulSet: { api: '/apis/apps/v1', plural: 'statefulsets', isNamespaced: true },
  ReplicaSet: { api: '/apis/apps/v1', plural: 'replicasets', isNamespaced: true },
  PodDisruptionBudget: { api: '/apis/policy/v1', plural: 'poddisruptionbudgets', isNamespaced: true },
  MutatingWebhookConfiguration: {
    api: '/apis/admissionregistration.k8s.io/v1',
    plural: 'mutatingwebhookconfigurations',
    isNamespaced: false,
  },
  Role: { api: '/apis/rbac.authorization.k8s.io/v1', plural: 'roles', isNamespaced: true },
  RoleBinding: { api: '/apis/rbac.authorization.k8s.io/v1', plural: 'rolebindings', isNamespaced: true },
  ClusterRole: { api: '/apis/rbac.authorization.k8s.io/v1', plural: 'clusterroles', isNamespaced: false },
  ClusterRoleBinding: { api: '/apis/rbac.authorization.k8s.io/v1', plural: 'clusterrolebindings', isNamespaced: false },
};

/** Path of an object in the API server. */
export function objectPath(kind: string, name: string, namespace?: string): string {
  const entry = kinds[kind];
  if (entry === undefined) throw new Error(`the suite does not know the kind ${kind}`);
  const scope = entry.isNamespaced ? `/namespaces/${namespace ?? 'default'}` : '';
  return `${entry.api}${scope}/${entry.plural}/${name}`;
}
