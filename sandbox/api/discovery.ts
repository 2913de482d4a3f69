import { allResources, apiVersionOf, type Resource } from '../store/resources.ts';
import { reviewKinds } from './reviews.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Subresources whose kind is another one than the resource's. */
const subresourceKinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1' },
  eviction: { kind: 'Eviction', group: 'policy', version: 'v1' },
  binding: { kind: 'Binding' },
  token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' },
  exec: { kind: 'PodExecOptions' },
  attach: { kind: 'PodAttachOptions' },
  portforward: { kind: 'PodPortForwardOptions' },
};

const subresourceVerbs: Readonly<Record<string, readonly string[]>> = {
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
  eviction: ['create'],
  binding: ['create'],
  token: ['create'],
  finalize: ['update'],
};

/** The answer to a path of discovery; `undefined` where it is none. */
export function discover(path: string): Readonly<Record<string, unknown>> | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (path === '/api' || path === '/api/') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (path === '/apis' || path === '/apis/') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(groupObject) };
  if (parts[0] === 'api' && parts.length === 2 && parts[1] === 'v1') return resourceList('v1');
  if (parts[0] !== 'apis') return undefined;
  const [, group = '', version] = parts;
  if (!groups().includes(group)) return undefined;
  if (parts.length === 2) return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(group) };
  const apiVersion = `${group}/${version ?? ''}`;
  return parts.length === 3 && apiVersions().includes(apiVersion) ? resourceList(apiVersion) : undefined;
}

/** All groups and versions: `v1`, `apps/v1`, … */
export function apiVersions(): readonly string[] {
  return [...new Set([...allResources.map(apiVersionOf), ...reviewKinds.map(({ group, version }) => `${group}/${version}`)])];
}

function groups(): readonly string[] {
  return [...new Set(apiVersions().flatMap((apiVersion) => (apiVersion.includes('/') ? [apiVersion.split('/')[0] ?? ''] : [])))];
}

function groupObject(group: string): Readonly<Record<string, unknown>> {
  const versions = apiVersions()
    .filter((apiVersion) => apiVersion.startsWith(`${group}/`))
    .map((groupVersion) => ({ groupVersion, version: groupVersion.split('/')[1] ?? '' }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(groupVersion: string): Readonly<Record<string, unknown>> {
  const stored = allResources.filter((resource) => apiVersionOf(resource) === groupVersion).flatMap(resourceObjects);
  const reviews = reviewKinds
    .filter(({ group, version }) => `${group}/${version}` === groupVersion)
    .map(({ plural, kind }) => ({ name: plural, singularName: kind.toLowerCase(), namespaced: false, kind, verbs: ['create'] }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [...stored, ...reviews] };
}

function resourceObjects(resource: Resource): readonly Readonly<Record<string, unknown>>[] {
  const { plural, singular, isNamespaced, kind, shortNames, categories, subresources } = resource;
  const own = {
    name: plural,
    singularName: singular,
    namespaced: isNamespaced,
    kind,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  const below = subresources.map((subresource) => ({
    name: `${plural}/${subresource}`,
    singularName: '',
    namespaced: isNamespaced,
    kind,
    ...subresourceKinds[subresource],
    verbs: subresourceVerbs[subresource] ?? ['get', 'patch', 'update'],
  }));
  return [own, ...below];
}
