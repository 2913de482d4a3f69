import type { Cluster } from './cluster.ts';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A WebSocket begins with a GET, which API servers before 1.35 take for the verb `get`; later ones ask for `create`. */
const forwardRule: Rule = { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] };

/** What a developer needs in the traffic-manager's namespace to connect, and what a test takes away from it. */
export const connectRules: readonly Rule[] = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['services'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch'] },
  forwardRule,
];

/** What a developer needs in a namespace to be worked in, and cluster-wide to see namespaces. */
export const developRules: readonly Rule[] = [
  { apiGroups: [''], resources: ['pods', 'services', 'namespaces', 'configmaps'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['apps'], resources: ['deployments', 'replicasets', 'statefulsets'], verbs: ['get', 'list', 'watch'] },
  forwardRule,
];

const lifeSeconds = 3600;

/**
 * The `user` part of a kubeconfig for somebody with these rights only: a service account in `home`, with one Role in each of the
 * namespaces. They go with their namespaces.
 */
export async function createOrdinaryUser(
  cluster: Cluster,
  name: string,
  home: string,
  rights: Readonly<Record<string, readonly Rule[]>>,
): Promise<Readonly<Record<string, unknown>>> {
  await cluster.apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: home } }]);
  for (const [namespace, rules] of Object.entries(rights)) {
    await cluster.apply([
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name, namespace }, rules },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name, namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: home }],
      },
    ]);
  }
  const answer = await cluster.kube.request<{ readonly status: { readonly token: string } }>({
    method: 'POST',
    path: `/api/v1/namespaces/${home}/serviceaccounts/${name}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: lifeSeconds } },
  });
  return { token: answer.status.token };
}

/** Takes its rights away; what is in namespaces that stay would stay with them. */
export async function removeRights(cluster: Cluster, name: string, namespace: string): Promise<void> {
  for (const kind of ['RoleBinding', 'Role']) await cluster.delete(kind, name, namespace);
}
