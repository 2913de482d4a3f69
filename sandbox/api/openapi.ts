import { serverVersion } from '../server-version.ts';
import { allResources, apiVersionOf, type Resource } from '../store/resources.ts';

/**
 * As much of an OpenAPI document as kubectl asks for: which verbs check fields on the server, so that it does not check them itself. There
 * are no schemas, and `kubectl explain` has nothing to say.
 */
export function openApiV3(path: string): Readonly<Record<string, unknown>> | undefined {
  const byPath = new Map<string, Resource[]>();
  for (const resource of allResources) {
    const key = resource.group === '' ? 'api/v1' : `apis/${apiVersionOf(resource)}`;
    byPath.set(key, [...(byPath.get(key) ?? []), resource]);
  }
  if (path === '/openapi/v3' || path === '/openapi/v3/') {
    const entries = [...byPath.keys()].map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}` }] as const);
    return { paths: Object.fromEntries(entries) };
  }
  const found = byPath.get(path.replace('/openapi/v3/', ''));
  return found === undefined
    ? undefined
    : { openapi: '3.0.0', info, paths: Object.fromEntries(found.flatMap(pathsOf)), components: { schemas: {} } };
}

/** The older document, of the same content. */
export function openApiV2(): Readonly<Record<string, unknown>> {
  return { swagger: '2.0', info, paths: Object.fromEntries(allResources.flatMap(pathsOf)), definitions: {} };
}

const info = { title: 'Telepresence sandbox (not Kubernetes)', version: serverVersion.gitVersion };

function pathsOf(resource: Resource): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
  const { group, version, kind, plural, isNamespaced } = resource;
  const collection = `${group === '' ? '/api/v1' : `/apis/${apiVersionOf(resource)}`}${isNamespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
    name,
    in: 'query',
    schema: { type: name === 'force' ? 'boolean' : 'string' },
  }));
  const operation = (verb: string) => ({
    operationId: `${verb}${kind}`,
    'x-kubernetes-action': verb,
    'x-kubernetes-group-version-kind': { group, version, kind },
    parameters,
    responses: { 200: { description: 'OK' } },
  });
  return [
    [collection, { get: operation('list'), post: operation('post') }],
    [`${collection}/{name}`, { get: operation('get'), put: operation('put'), patch: operation('patch') }],
  ];
}
