import { managerName } from './manager-environment.ts';

/** An object as it is sent to an API server. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Absent for objects that belong to the whole cluster. */
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** What the chart is rendered for. */
export interface ChartRelease {
  /** Namespace of the traffic-manager. */
  readonly namespace: string;
  /** Version of this product: the tag of the image, unless a value names another. */
  readonly version: string;
}

/** Value of `app.kubernetes.io/managed-by` on everything that this product creates. */
export const managedBy = 'telepresence';

/** Annotation that says which release (`namespace/name`) an object belongs to. */
export const releaseAnnotation = 'telepresence.io/release';

/** Labels by which Services and clients of every version find the pod. They can never change: a Deployment's selector is immutable. */
export const managerSelector: Readonly<Record<string, string>> = { app: managerName, telepresence: 'manager' };

export function chartLabels(release: ChartRelease): Readonly<Record<string, string>> {
  return {
    ...managerSelector,
    'app.kubernetes.io/name': managerName,
    'app.kubernetes.io/instance': managerName,
    'app.kubernetes.io/part-of': 'telepresence',
    // A label value may not have everything that a version may.
    'app.kubernetes.io/version': release.version.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 63),
    'app.kubernetes.io/managed-by': managedBy,
  };
}

/** The release as it is written into {@link releaseAnnotation}. */
export function releaseId(release: Pick<ChartRelease, 'namespace'>): string {
  return `${release.namespace}/${managerName}`;
}

/** An object of the release, labelled as such. A namespace of `undefined` makes it the cluster's. */
export function chartObject(
  release: ChartRelease,
  type: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly namespace: string | undefined },
  fields: Readonly<Record<string, unknown>>,
): KubeObject {
  const { apiVersion, kind, name, namespace } = type;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: chartLabels(release),
      annotations: { [releaseAnnotation]: releaseId(release) },
    },
    ...fields,
  };
}
