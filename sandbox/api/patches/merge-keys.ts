/** How the items of a list are told apart when lists are merged. */
export type ListMerge =
  | {
      readonly kind: 'map' /** The first alone counts for strategic merge patches. */;
      readonly keys: readonly [string, ...string[]];
    }
  | { readonly kind: 'set' }
  /** The list is replaced as a whole. */
  | { readonly kind: 'atomic' };

const containerLists = ['containers', 'initContainers', 'ephemeralContainers'];

/** By the name of the list where that is enough. */
const mapKeys: Readonly<Record<string, readonly [string, ...string[]]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  webhooks: ['name'],
  podIPs: ['ip'],
  secrets: ['name'],
  taints: ['key', 'effect'],
};

/** @param path names of the fields that lead to the list, without indexes: `spec`, `template`, `spec`, `containers` */
export function listMergeAt(path: readonly string[]): ListMerge {
  const name = path.at(-1) ?? '';
  const parent = path.at(-2) ?? '';
  if (name === 'finalizers') return { kind: 'set' };
  if (name === 'ports' && containerLists.includes(parent)) return { kind: 'map', keys: ['containerPort', 'protocol'] };
  if (name === 'ports' && parent === 'spec' && path.length === 2) return { kind: 'map', keys: ['port', 'protocol'] };
  if (name === 'conditions' && parent !== 'status') return { kind: 'atomic' };
  const keys = mapKeys[name];
  return keys === undefined ? { kind: 'atomic' } : { kind: 'map', keys };
}
