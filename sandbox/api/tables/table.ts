import type { KubeObject } from '../../store/objects.ts';
import type { Resource } from '../../store/resources.ts';
import { columnsOf } from './columns.ts';

/** What `kubectl get` prints: the server names the columns and fills the cells. */
export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  resourceVersion: string,
  include: string,
): Readonly<Record<string, unknown>> {
  const columns = columnsOf(resource);
  const now = Date.now();
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: columns.map(({ name, isWide = false, type = 'string' }) => ({
      name,
      type,
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: isWide ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, now)),
      ...(include === 'None'
        ? {}
        : {
            object:
              include === 'Object'
                ? object
                : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
          }),
    })),
  };
}
