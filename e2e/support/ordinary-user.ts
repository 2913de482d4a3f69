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

/** Key of rights that are those of a ClusterRole. */
export const wholeCluster = '';

const rbacVersion = 'rbac.authorization.k8s.io/v1';
const rbacGroup = 'rbac.authorization.k8s.io';

/**
 * The `user` part of a kubeconfig for somebody with these rights only: a service account in `home`, with one Role in each of the
 * namespaces. They go with their namespaces; what stays is for `removeRights`.
 */
export async function createOrdinaryUser(
  cluster: Cluster,
  name: string,
  home: string,
  rights: Readonly<Record<string, readonly Rule[]>>,
): Promise<Readonly<Record<string, unknown>>> {
  await cluster.apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: home } }]);
  for (const [where, rules] of Object.entries(rights)) {
    const kind = where === wholeCluster ? 'ClusterRole' : 'Role';
    const metadata = { name, ...(where === wholeCluster ? {} : { namespace: where }) };
    const roleRef = { apiGroup: rbacGroup, kind, name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace: home }];
    await cluster.apply([
      { apiVersion: rbacVersion, kind, metadata, rules },
      { apiVersion: rbacVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
    ]);
  }
  return await userOfAccount(cluster, name, home);
}

/** The `user` part of a kubeconfig for a service account that is there. */
export async function userOfAccount(cluster: Cluster, name: string, home: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await cluster.kube.request<{ readonly status: { readonly token: string } }>({
    method: 'POST',
    path: `/api/v1/namespaces/${home}/serviceaccounts/${name}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: lifeSeconds } },
  });
  return { token: answer.status.token };
}

/** Takes its rights away; what is in namespaces that stay, or in none, would stay. */
export async function removeRights(cluster: Cluster, name: string, namespace: string): Promise<void> {
  if (namespace === wholeCluster) for (const kind of ['ClusterRoleBinding', 'ClusterRole']) await cluster.delete(kind, name);
  else for (const kind of ['RoleBinding', 'Role']) await cluster.delete(kind, name, namespace);
}
