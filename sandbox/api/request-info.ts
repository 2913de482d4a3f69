import { allResources, type Resource } from '../store/resources.ts';

/** What a request is about, as authorization and routing see it. */
export type RequestInfo = { readonly kind: 'path'; readonly verb: string; readonly path: string } | ResourceRequest;

export interface ResourceRequest {
  readonly kind: 'resource';
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** `undefined` where the group has no such resource, or none that is stored. */
  readonly resource: Resource | undefined;
}

export function readRequest(method: string, url: URL): RequestInfo {
  const parts = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const isCore = parts[0] === 'api' && parts.length > 2;
  const isGroup = parts[0] === 'apis' && parts.length > 3;
  if (!isCore && !isGroup) return { kind: 'path', verb: method.toLowerCase(), path: url.pathname };
  const [group = '', version = '', ...rest] = isCore ? ['', ...parts.slice(1)] : parts.slice(1);
  // `namespaces/NAME` is the Namespace itself, and so are its own subresources.
  const isInNamespace = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const [plural = '', name, ...further] = isInNamespace ? rest.slice(2) : rest;
  const resource = allResources.find(
    (candidate) => candidate.group === group && candidate.version === version && candidate.plural === plural,
  );
  return {
    kind: 'resource',
    verb: verbOf(method, name, url.searchParams),
    group,
    version,
    plural,
    subresource: further[0],
    namespace: isInNamespace ? rest[1] : group === '' && plural === 'namespaces' ? name : undefined,
    name,
    resource,
  };
}

function verbOf(method: string, name: string | undefined, query: URLSearchParams): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      if (['true', '1'].includes(query.get('watch') ?? '')) return 'watch';
      return name === undefined ? 'list' : 'get';
  }
}
