import { fieldAt, isRecord, type KubeObject, type NewObject } from '../store/objects.ts';

/** The `Scale` of what has replicas. */
export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = fieldAt(object, 'spec', 'selector', 'matchLabels') ?? {};
  const selector = Object.entries(labels as Readonly<Record<string, string>>).map(([key, value]) => `${key}=${value}`);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, uid, resourceVersion, creationTimestamp, ...(namespace === undefined ? {} : { namespace }) },
    spec: { replicas: fieldAt(object, 'spec', 'replicas') ?? 0 },
    status: { replicas: fieldAt(object, 'status', 'replicas') ?? 0, selector: selector.join(',') },
  };
}

/** The object with the replicas of a `Scale`. */
export function fromScale(object: KubeObject, scale: Readonly<Record<string, unknown>>): NewObject {
  const replicas = Number(fieldAt(scale, 'spec', 'replicas') ?? 0);
  const wanted = fieldAt(scale, 'metadata', 'resourceVersion');
  const resourceVersion = typeof wanted === 'string' && wanted !== '' ? wanted : object.metadata.resourceVersion;
  return {
    ...object,
    metadata: { ...object.metadata, resourceVersion },
    spec: { ...(isRecord(object.spec) ? object.spec : {}), replicas },
  };
}
