import { gunzipSync, gzipSync } from 'node:zlib';
import { managerName } from '#protocol/chart/manager-environment.ts';
import type { GivenValues } from './merge-values.ts';

/** States of a release in Helm's words, as far as they occur here. */
export type ReleaseStatus =
  | 'deployed'
  | 'superseded'
  | 'failed'
  | 'uninstalling'
  | 'pending-install'
  | 'pending-upgrade'
  | 'pending-rollback';

/** One revision of a release, as Helm 3 records it. Fields that Helm knows and this product has no use for are kept empty. */
export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
  readonly version: number;
  readonly info: {
    /** RFC 3339. */
    readonly first_deployed: string;
    readonly last_deployed: string;
    readonly deleted: string;
    readonly description: string;
    readonly status: ReleaseStatus;
  };
  readonly chart: {
    readonly metadata: {
      readonly name: string;
      readonly version: string;
      readonly appVersion?: string;
      readonly apiVersion?: string;
      readonly description?: string;
      readonly type?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly templates: readonly unknown[];
    readonly values: Readonly<Record<string, unknown>>;
  };
  /** What the person set, without defaults. */
  readonly config: GivenValues;
  /** YAML documents. */
  readonly manifest: string;
}

export interface NewRelease {
  readonly namespace: string;
  readonly version: number;
  readonly status: ReleaseStatus;
  readonly description: string;
  readonly productVersion: string;
  readonly config: GivenValues;
  readonly manifest: string;
  readonly firstDeployed: string;
  readonly lastDeployed: string;
}

/** In the chart's annotations: this product made the release, so it knows how to change and remove it. */
const productAnnotation = 'telepresence.io/product';
const product = 'telepresence-desktop';

export function newRelease(input: NewRelease): HelmRelease {
  return {
    name: managerName,
    namespace: input.namespace,
    version: input.version,
    info: {
      first_deployed: input.firstDeployed,
      last_deployed: input.lastDeployed,
      deleted: '',
      description: input.description,
      status: input.status,
    },
    chart: {
      metadata: {
        name: 'telepresence',
        version: input.productVersion,
        appVersion: input.productVersion,
        apiVersion: 'v2',
        type: 'application',
        description: 'Traffic-manager of Telepresence Desktop',
        annotations: { [productAnnotation]: product },
      },
      templates: [],
      values: {},
    },
    config: input.config,
    manifest: input.manifest,
  };
}

export function withStatus(release: HelmRelease, status: ReleaseStatus, description: string): HelmRelease {
  return { ...release, info: { ...release.info, status, description } };
}

export function isOurs(release: HelmRelease): boolean {
  return release.chart.metadata.annotations?.[productAnnotation] === product;
}

/** Value of `data.release` of the release's Secret: JSON, gzipped, in base64 twice, once by Helm and once as every Secret's data. */
export function encodeRelease(release: HelmRelease): string {
  const text = gzipSync(JSON.stringify(release)).toString('base64');
  return Buffer.from(text).toString('base64');
}

/** Reads what {@link encodeRelease} writes; Helm of old did not compress. */
export function decodeRelease(data: string): HelmRelease {
  const bytes = Buffer.from(Buffer.from(data, 'base64').toString(), 'base64');
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString()) as HelmRelease;
}
