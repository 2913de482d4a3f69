import type { KubeObject } from '#protocol/chart/kube-object.ts';

export type ObjectReference = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  readonly metadata: Pick<KubeObject['metadata'], 'name' | 'namespace' | 'annotations'>;
};

/** `Deployment ambassador/traffic-manager`: how objects are named to people. */
export function objectName({ kind, metadata: { name, namespace } }: ObjectReference): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Two references to the same object have the same key, whatever the version of its API. */
export function objectKey(object: ObjectReference): string {
  return `${apiGroup(object)} ${objectName(object)}`;
}

export function objectPath(object: ObjectReference): string {
  const { apiVersion, metadata } = object;
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const namespace = metadata.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(metadata.namespace)}`;
  return `${base}${namespace}/${resourceOf(object)}/${encodeURIComponent(metadata.name)}`;
}

/** Every kind of the chart has a regular plural. */
export function resourceOf({ kind }: Pick<ObjectReference, 'kind'>): string {
  return `${kind.toLowerCase()}s`;
}

/** Empty for the core group. */
export function apiGroup({ apiVersion }: Pick<ObjectReference, 'apiVersion'>): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}
