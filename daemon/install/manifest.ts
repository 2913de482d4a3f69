import { parseAllDocuments, stringify } from 'yaml';
import type { KubeObject } from '#protocol/chart/kube-object.ts';

/** Objects as YAML documents, as Helm stores and prints them. */
export function formatManifest(objects: readonly KubeObject[]): string {
  return objects.map((object) => `---\n${stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })}`).join('');
}

/** The objects of a stored manifest; documents that are empty or hold something else are left out. */
export function parseManifest(manifest: string): readonly KubeObject[] {
  return [...parseAllDocuments(manifest)].map((document): unknown => document.toJS()).filter(isKubeObject);
}

function isKubeObject(value: unknown): value is KubeObject {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<KubeObject>;
  return typeof kind === 'string' && typeof apiVersion === 'string' && typeof metadata?.name === 'string';
}
