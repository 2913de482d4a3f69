import { type ChartRelease, chartObject, type KubeObject } from './kube-object.ts';

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly apiGroup?: string | undefined;
}

export const read = ['get', 'list', 'watch'] as const;

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';

/** Rights, and who has them: in one namespace, or (`undefined`) in the whole cluster. Nothing where there are no rules. */
export function grant(
  release: ChartRelease,
  role: { readonly name: string; readonly namespace: string | undefined; readonly rules: readonly PolicyRule[] },
  subjects: readonly Subject[],
): readonly KubeObject[] {
  const { name, namespace, rules } = role;
  if (rules.length === 0) return [];
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  return [
    chartObject(release, { apiVersion, kind, name, namespace }, { rules }),
    chartObject(
      release,
      { apiVersion, kind: `${kind}Binding`, name, namespace },
      { roleRef: { apiGroup, kind, name }, subjects: subjects.map((subject) => completed(release, subject)) },
    ),
  ];
}

/** Service accounts have a namespace, users and groups the group of the API that knows them. */
function completed(release: ChartRelease, { kind, name, namespace, apiGroup: group }: Subject): Subject {
  if (kind === 'ServiceAccount') return { kind, name, namespace: namespace ?? release.namespace };
  return { kind, name, apiGroup: group ?? apiGroup };
}
