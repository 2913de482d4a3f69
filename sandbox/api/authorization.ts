import { fieldAt, isRecord, type KubeObject, listAt, textAt } from '../store/objects.ts';
import { type Resource, resources } from '../store/resources.ts';
import { StatusError } from '../store/status-error.ts';
import type { ObjectStore, UserInfo } from '../store/store.ts';
import type { RequestInfo } from './request-info.ts';

/** What somebody wants to do. */
export type Access =
  | { readonly kind: 'path'; readonly verb: string; readonly path: string }
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly plural: string;
      readonly subresource?: string | undefined;
      readonly namespace?: string | undefined;
      readonly name?: string | undefined;
    };

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** Of anybody who has a token: discovery, and asking for one's own rights. */
const rulesOfEverybody: readonly PolicyRule[] = [
  {
    verbs: ['get', 'head'],
    nonResourceURLs: ['/', '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/version/'],
  },
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io', 'authentication.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews'],
  },
];

const rulesOfAnonymous: readonly PolicyRule[] = [
  { verbs: ['get', 'head'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
];

/** The rules that count for somebody: in one namespace, or in the whole cluster. */
export function rulesOf(store: ObjectStore, user: UserInfo, namespace: string | undefined): readonly PolicyRule[] {
  if (user.groups.includes('system:masters'))
    return [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], nonResourceURLs: ['*'] }];
  const isKnown = user.groups.includes('system:authenticated');
  const bindings = [
    ...store.list(resources.clusterRoleBindings),
    ...(namespace === undefined ? [] : store.list(resources.roleBindings, { namespace })),
  ];
  const bound = bindings
    .filter((binding) => listAt(binding, 'subjects').some((subject) => isSubject(subject, user, binding.metadata.namespace)))
    .flatMap((binding) => rulesOfBinding(store, binding));
  return [...rulesOfAnonymous, ...(isKnown ? rulesOfEverybody : []), ...bound];
}

/** Rules of the role that a binding refers to. */
function rulesOfBinding(store: ObjectStore, binding: KubeObject): readonly PolicyRule[] {
  const isCluster = textAt(binding, 'roleRef', 'kind') === 'ClusterRole';
  const kind: Resource = isCluster ? resources.clusterRoles : resources.roles;
  const role = store.get(kind, isCluster ? undefined : binding.metadata.namespace, textAt(binding, 'roleRef', 'name'));
  return role === undefined ? [] : rulesOfRole(store, role);
}

/** An aggregated role has the rules of those that its selectors find. */
function rulesOfRole(store: ObjectStore, role: KubeObject): readonly PolicyRule[] {
  const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors').map((selector) =>
    Object.entries((selector['matchLabels'] ?? {}) as Readonly<Record<string, string>>),
  );
  const aggregated = store
    .list(resources.clusterRoles)
    .filter(({ metadata }) => selectors.some((labels) => labels.every(([key, value]) => metadata.labels?.[key] === value)))
    .flatMap((other) => listAt(other, 'rules'));
  return [...listAt(role, 'rules'), ...aggregated].flatMap((rule) => (isPolicyRule(rule) ? [rule] : []));
}

export function isAllowed(rules: readonly PolicyRule[], access: Access): boolean {
  return rules.some((rule) => grants(rule, access));
}

/** @throws StatusError 403 in Kubernetes' words */
export function authorize(store: ObjectStore, user: UserInfo, request: RequestInfo): void {
  const namespace = request.kind === 'resource' ? request.namespace : undefined;
  if (isAllowed(rulesOf(store, user, namespace), request)) return;
  const details = request.kind === 'resource' ? { name: request.name, group: request.group, kind: request.plural } : {};
  throw new StatusError(403, 'Forbidden', refusal(user, request), details);
}

function refusal(user: UserInfo, request: RequestInfo): string {
  const who = `User ${JSON.stringify(user.username)}`;
  if (request.kind === 'path') return `forbidden: ${who} cannot ${request.verb} path ${JSON.stringify(request.path)}`;
  const { verb, group, plural, subresource, namespace, name } = request;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const qualified = group === '' ? plural : `${plural}.${group}`;
  const subject = name === undefined ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${subject} is forbidden: ${who} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`;
}

function isSubject(subject: Readonly<Record<string, unknown>>, user: UserInfo, ownNamespace: string | undefined): boolean {
  const name = textAt(subject, 'name');
  switch (subject['kind']) {
    case 'User':
      return user.username === name;
    case 'Group':
      return user.groups.includes(name);
    default:
      return user.username === `system:serviceaccount:${textAt(subject, 'namespace') || (ownNamespace ?? '')}:${name}`;
  }
}

/** One that allows nothing is none. */
function isPolicyRule(value: unknown): value is PolicyRule {
  return isRecord(value) && Array.isArray(value['verbs']);
}

function grants(rule: PolicyRule, access: Access): boolean {
  const has = (values: readonly string[] | undefined, wanted: string) =>
    values !== undefined && (values.includes('*') || values.includes(wanted));
  if (!has(rule.verbs, access.verb)) return false;
  if (access.kind === 'path') {
    return (rule.nonResourceURLs ?? []).some((pattern) =>
      pattern.endsWith('*') ? access.path.startsWith(pattern.slice(0, -1)) : pattern === access.path,
    );
  }
  const wanted = access.subresource === undefined ? access.plural : `${access.plural}/${access.subresource}`;
  const names = rule.resourceNames ?? [];
  return (
    has(rule.apiGroups, access.group) &&
    (has(rule.resources, wanted) || (access.subresource !== undefined && has(rule.resources, `*/${access.subresource}`))) &&
    (names.length === 0 || (access.name !== undefined && names.includes(access.name)))
  );
}

/**
 * Nobody may hand out rights that they do not have, unless they may `escalate` roles or `bind` them.
 *
 * @throws StatusError 403
 */
export function requireOwnRights(store: ObjectStore, user: UserInfo, resource: Resource, object: KubeObject): void {
  const isBinding = resource === resources.roleBindings || resource === resources.clusterRoleBindings;
  const isRole = resource === resources.roles || resource === resources.clusterRoles;
  if (!isBinding && !isRole) return;
  const own = rulesOf(store, user, object.metadata.namespace);
  const refersToCluster = textAt(object, 'roleRef', 'kind') === 'ClusterRole';
  const access = {
    kind: 'resource',
    verb: isBinding ? 'bind' : 'escalate',
    group: resource.group,
    plural: isBinding ? (refersToCluster ? 'clusterroles' : 'roles') : resource.plural,
    name: isBinding ? textAt(object, 'roleRef', 'name') : object.metadata.name,
  } as const;
  if (isAllowed(own, access)) return;
  const handedOut = isBinding ? rulesOfBinding(store, object) : rulesOfRole(store, object);
  const missing = handedOut.flatMap(single).find((wanted) => !isAllowed(own, wanted));
  if (missing === undefined) return;
  const name = object.metadata.name;
  throw new StatusError(
    403,
    'Forbidden',
    `${resource.plural}.${resource.group} ${JSON.stringify(name)} is forbidden: user ${JSON.stringify(user.username)} is attempting to grant RBAC permissions not currently held: ${JSON.stringify(missing)}`,
    { name, group: resource.group, kind: resource.plural },
  );
}

/** A rule as the accesses that it grants, `*` among them, which only another `*` covers. */
function single(rule: PolicyRule): readonly Access[] {
  const paths = (rule.nonResourceURLs ?? []).flatMap((path) => rule.verbs.map((verb): Access => ({ kind: 'path', verb, path })));
  const names: readonly (string | undefined)[] = rule.resourceNames ?? [];
  const accesses = (rule.resources ?? []).flatMap((resource) => {
    const [plural = '', subresource] = resource.split('/');
    return rule.verbs.flatMap((verb) =>
      (rule.apiGroups ?? []).flatMap((group) =>
        (names.length === 0 ? [undefined] : names).map(
          (name): Access => ({ kind: 'resource', verb, group, plural, subresource, name }),
        ),
      ),
    );
  });
  return [...paths, ...accesses];
}

/** The attributes of a review as an access; `undefined` where it has none. */
export function accessOfReview(spec: unknown): Access | undefined {
  const attributes = fieldAt(spec, 'resourceAttributes');
  if (attributes !== undefined) {
    const text = (field: string) => textAt(attributes, field) || undefined;
    return {
      kind: 'resource',
      verb: text('verb') ?? '',
      group: text('group') ?? '',
      plural: text('resource') ?? '',
      subresource: text('subresource'),
      namespace: text('namespace'),
      name: text('name'),
    };
  }
  const path = fieldAt(spec, 'nonResourceAttributes');
  return path === undefined ? undefined : { kind: 'path', verb: textAt(path, 'verb'), path: textAt(path, 'path') };
}
