import type { ChartRelease, KubeObject } from './kube-object.ts';
import { managerName } from './manager-environment.ts';
import { grant, type PolicyRule, read } from './roles.ts';
import type { ChartValues } from './values.ts';

/** Rights of the people that connect: to find the traffic-manager and reach it, and to see and reach what it manages. */
export function clientRbac(release: ChartRelease, values: ChartValues): readonly KubeObject[] {
  const { subjects, namespaces } = values.clientRbac;
  const { namespace } = release;
  const where = namespaces.length > 0 ? namespaces : values.namespaces;
  const name = `${managerName}-client-${namespace}`;
  return [
    ...grant(release, { name: `${managerName}-connect`, namespace, rules: connectRules }, subjects),
    ...(where.length === 0
      ? grant(release, { name, namespace: undefined, rules: workRules }, subjects)
      : where.flatMap((managed) => grant(release, { name, namespace: managed, rules: workRules }, subjects))),
  ];
}

const connectRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['services'], verbs: ['get'], resourceNames: [managerName] },
  { apiGroups: [''], resources: ['pods'], verbs: read },
  { apiGroups: [''], resources: ['pods/portforward'], verbs: ['create'] },
];

const workRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['namespaces', 'services', 'pods'], verbs: read },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods/portforward'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: ['deployments', 'replicasets', 'statefulsets'], verbs: read },
];
