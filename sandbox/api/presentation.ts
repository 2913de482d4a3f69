import type { KubeObject } from '../store/objects.ts';
import { apiVersionOf, type Resource } from '../store/resources.ts';
import { tableOf } from './tables/table.ts';

export interface Presentation {
  one(object: KubeObject): unknown;
  many(objects: readonly KubeObject[], resourceVersion: string): unknown;
  /** As an event of a watch carries it. */
  row(object: KubeObject): unknown;
}

/** How objects are shown: as they are, as a table for people, or their metadata alone. `Accept` names the wishes in order. */
export function presentation(resource: Resource, accept: string | undefined, query: URLSearchParams): Presentation {
  const wish = (accept ?? '')
    .split(',')
    .map((part) => part.trim())
    .find((part) => part.startsWith('application/json') || part.startsWith('*/*'));
  const as = /as=(\w+)/.exec(wish ?? '')?.[1];
  const include = query.get('includeObject') ?? 'Metadata';
  if (as === 'Table') {
    const table = (objects: readonly KubeObject[], version: string) => tableOf(resource, objects, version, include);
    return {
      one: (object) => table([object], object.metadata.resourceVersion),
      many: table,
      row: (object) => table([object], object.metadata.resourceVersion),
    };
  }
  const isPartial = as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList';
  const one = isPartial ? metadataOnly : (object: KubeObject) => object;
  return {
    one,
    row: one,
    many: (objects, resourceVersion) => ({
      kind: isPartial ? 'PartialObjectMetadataList' : `${resource.kind}List`,
      apiVersion: isPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource),
      metadata: { resourceVersion },
      items: objects.map(one),
    }),
  };
}

/** The object as far as everybody may know it. */
function metadataOnly({ metadata }: KubeObject): Readonly<Record<string, unknown>> {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}
