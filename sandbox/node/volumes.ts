import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ContainerConfigError } from './container-config-error.ts';
import type { ContainerMount } from './container-script.ts';
import { fieldValue, resourceValue } from './downward.ts';
import { dataOf } from './pod-environment.ts';
import type { Container, Pod, Volume, VolumeItem, VolumeSource } from './pod-types.ts';

/** Issues a token of a service account for one pod. */
export type MintToken = (request: TokenRequest) => Promise<string> | string;

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

export interface VolumeSources {
  readonly store: ObjectStore;
  readonly mintToken: MintToken;
  /** Milliseconds since 1970, by the clock that tokens end by. */
  readonly now: () => number;
}

/** As the kubelet asks for where a volume does not say. */
const tokenSeconds = 3607;
const usualMode = 0o644;
const groupReadable = 0o440;
/** Tokens are renewed when so much of their time is over. */
const tokenRefreshShare = 0.7;

/** What a source has for a volume; without a mode it gets the volume's. */
interface SourceFile {
  readonly content: Buffer;
  readonly mode?: number | undefined;
}

type VolumeFile = SourceFile & { readonly mode: number };

/**
 * Writes the pod's volumes below `directory`, or brings them up to date: files change all at once, by one link, and directories of the pod's
 * own are left alone.
 *
 * @throws ContainerConfigError where something is not there that has to be
 */
export async function writeVolumes(sources: VolumeSources, pod: Pod, directory: string, isRefresh = false): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    const path = join(directory, volume.name);
    const parts = sourcesOf(volume);
    if (parts === undefined) {
      if (volume.emptyDir === undefined)
        throw new ContainerConfigError(`volume "${volume.name}" is of a kind that the sandbox does not have`);
      mkdirSync(path, { recursive: true });
      // Its containers may run as different users.
      chmodSync(path, 0o777);
      continue;
    }
    // Each refresh makes another token, so not before the last one is old.
    if (isRefresh && tokenSecondsOf(parts) * tokenRefreshShare > ageSeconds(path, sources.now())) continue;
    const defaultMode = modeOf(volume);
    const { fsGroup } = pod.spec.securityContext ?? {};
    const files = new Map<string, VolumeFile>();
    for (const part of parts) {
      for (const [name, { content, mode = defaultMode }] of await filesOf(sources, pod, part)) {
        // As the kubelet: whoever is of the pod's group may read, whatever else is said.
        files.set(name, { content, mode: fsGroup === undefined ? mode : mode | groupReadable });
      }
    }
    replaceFiles(path, files, sources.now(), fsGroup);
  }
}

/** Where the pod's volumes are mounted in one of its containers. */
export function volumeMounts(container: Container, pod: Pod, directory: string): readonly ContainerMount[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly = false, subPath }) => {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name);
    const source = join(directory, name, subPath ?? '');
    const isFiles = volume !== undefined && sourcesOf(volume) !== undefined;
    if (!existsSync(source)) {
      if (isFiles)
        throw new ContainerConfigError(`failed to prepare subPath for volumeMount "${name}" of container "${container.name}"`);
      mkdirSync(source, { recursive: true });
      chmodSync(source, 0o777);
    }
    return { source, target: mountPath, isReadOnly: readOnly || isFiles, isFile: !statSync(source).isDirectory() };
  });
}

function sourcesOf({ configMap, secret, downwardAPI, projected }: Volume): readonly VolumeSource[] | undefined {
  if (projected !== undefined) return projected.sources ?? [];
  if (configMap !== undefined) return [{ configMap }];
  if (secret !== undefined) return [{ secret }];
  return downwardAPI === undefined ? undefined : [{ downwardAPI }];
}

function modeOf({ configMap, secret, downwardAPI, projected }: Volume): number {
  return (projected ?? configMap ?? secret ?? downwardAPI)?.defaultMode ?? usualMode;
}

async function filesOf(
  { store, mintToken }: VolumeSources,
  pod: Pod,
  source: VolumeSource,
): Promise<ReadonlyMap<string, SourceFile>> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) return keyFiles(store, pod, 'configMaps', configMap.name ?? '', configMap);
  if (secret !== undefined) return keyFiles(store, pod, 'secrets', secret.secretName ?? secret.name ?? '', secret);
  if (serviceAccountToken !== undefined) {
    const token = await mintToken({
      namespace: pod.metadata.namespace ?? '',
      serviceAccount: pod.spec.serviceAccountName ?? 'default',
      pod: { name: pod.metadata.name, uid: pod.metadata.uid },
      audiences: serviceAccountToken.audience === undefined ? [] : [serviceAccountToken.audience],
      expirationSeconds: serviceAccountToken.expirationSeconds ?? tokenSeconds,
    });
    return new Map([[serviceAccountToken.path, { content: Buffer.from(token) }]]);
  }
  const [first] = pod.spec.containers;
  return new Map(
    (downwardAPI?.items ?? []).map(({ path, mode, fieldRef, resourceFieldRef }) => {
      const resource = resourceFieldRef === undefined || first === undefined ? '' : resourceValue(pod, first, resourceFieldRef);
      return [path, { content: Buffer.from(fieldRef === undefined ? resource : fieldValue(pod, fieldRef.fieldPath)), mode }];
    }),
  );
}

function keyFiles(
  store: ObjectStore,
  pod: Pod,
  kind: 'configMaps' | 'secrets',
  name: string,
  { items, optional = false }: { readonly items?: readonly VolumeItem[]; readonly optional?: boolean },
): ReadonlyMap<string, SourceFile> {
  const object = store.get(resources[kind], pod.metadata.namespace, name);
  if (object === undefined) {
    if (optional) return new Map();
    throw new ContainerConfigError(`${kind === 'secrets' ? 'secret' : 'configmap'} "${name}" not found`);
  }
  const data = dataOf(object);
  if (items === undefined) return new Map([...data].map(([key, content]) => [key, { content }]));
  return new Map(
    items.flatMap(({ key, path, mode }) => {
      const content = data.get(key);
      if (content !== undefined) return [[path, { content, mode }] as const];
      if (optional) return [];
      throw new ContainerConfigError(`references non-existent config key: ${key}`);
    }),
  );
}

/** As the kubelet lays them out: `file -> ..data/file`, `..data -> ..2026…`. */
function replaceFiles(path: string, files: ReadonlyMap<string, VolumeFile>, now: number, group: number | undefined): void {
  mkdirSync(path, { recursive: true });
  const dataLink = join(path, '..data');
  const former = existsSync(dataLink) ? readlinkSync(dataLink) : undefined;
  if (former !== undefined && isUnchanged(join(path, former), files)) return;
  const version = `..${now}-${Math.random().toString(36).slice(2, 8)}`;
  mkdirSync(join(path, version));
  for (const [name, { content, mode }] of files) {
    const file = join(path, version, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    // An ordinary user has no groups to give, and no users to tell apart.
    if (group !== undefined && process.getuid?.() === 0) chownSync(file, 0, group);
    // Whatever this process keeps from others by its mask.
    chmodSync(file, mode);
  }
  symlinkSync(version, `${dataLink}-new`);
  renameSync(`${dataLink}-new`, dataLink);
  for (const top of new Set([...files.keys()].map((name) => name.split('/')[0] ?? ''))) {
    if (!existsSync(join(path, top))) symlinkSync(join('..data', top), join(path, top));
  }
  if (former !== undefined) rmSync(join(path, former), { recursive: true, force: true });
}

function isUnchanged(directory: string, files: ReadonlyMap<string, VolumeFile>): boolean {
  const present = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  return (
    present === files.size &&
    [...files].every(([name, { content, mode }]) => {
      const file = join(directory, name);
      return existsSync(file) && (statSync(file).mode & 0o777) === mode && readFileSync(file).equals(content);
    })
  );
}

/** 0: there is no token among them. */
function tokenSecondsOf(parts: readonly VolumeSource[]): number {
  const token = parts.find(({ serviceAccountToken }) => serviceAccountToken !== undefined)?.serviceAccountToken;
  return token === undefined ? 0 : (token.expirationSeconds ?? tokenSeconds);
}

/** By the time that is in the directory's name. */
function ageSeconds(path: string, now: number): number {
  return (now - Number.parseInt(readlinkSync(join(path, '..data')).slice(2), 10)) / 1_000;
}
