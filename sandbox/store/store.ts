import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, kubeTime, listAt, type NewObject, type ObjectMeta } from './objects.ts';
import { apiVersionOf, type Resource, resourceKey } from './resources.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { alreadyExists, badRequest, conflict, type FieldCause, invalid, notFound, staleObject } from './status-error.ts';
import { type WatchEvent, WatchHub } from './watch-hub.ts';

/** Defaults and checks of one resource. */
export interface StoreHooks {
  /** Fills in what was left out. */
  readonly prepareCreate?: (object: KubeObject) => KubeObject;
  /** The same for an update; fields that may not change are checked here by throwing. */
  readonly prepareUpdate?: (next: KubeObject, previous: KubeObject) => KubeObject;
  readonly validate?: (object: KubeObject, previous: KubeObject | undefined) => readonly FieldCause[];
  /** How long an object stays, marked for deletion, until somebody removes it with a period of 0. Default: not at all. */
  readonly gracePeriodSeconds?: (object: KubeObject) => number;
  /** What else changes in an object that stays for a while, marked for deletion. */
  readonly markDeleted?: (object: KubeObject) => KubeObject;
  readonly removed?: (object: KubeObject) => void;
}

/** What admission sees: a write that has not happened yet. */
export interface Admission {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly previous?: KubeObject;
  readonly user: UserInfo;
  readonly isDryRun: boolean;
}

export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type Admit = (admission: Admission) => Promise<KubeObject>;

export interface ListOptions {
  /** All namespaces where it is absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface WatchOptions extends ListOptions {
  /** Default: what happens from now on. */
  readonly sinceResourceVersion?: string;
  /** Tells of everything that is there as `ADDED`, first. */
  readonly hasInitialEvents?: boolean;
}

export interface WriteOptions {
  readonly isDryRun?: boolean;
}

export interface RemoveOptions extends WriteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
}

export interface ObjectStoreOptions {
  readonly now?: () => Date;
  /** Events that are remembered for watches that come back. Default 2000. */
  readonly maxEvents?: number;
}

interface Located {
  readonly resource: Resource;
  readonly object: KubeObject;
}

const foregroundFinalizer = 'foregroundDeletion';

/** Objects of the sandbox's cluster, in memory. All calls are synchronous but for those that admission has a say in. */
export class ObjectStore {
  readonly #now: () => Date;
  readonly #tables = new Map<string, Map<string, KubeObject>>();
  readonly #hooks = new Map<string, StoreHooks[]>();
  readonly #byUid = new Map<string, Located>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #hub: WatchHub;
  #revision = 1;
  #admit: Admit | undefined;

  constructor(options: ObjectStoreOptions = {}) {
    this.#now = options.now ?? (() => new Date());
    this.#hub = new WatchHub(options.maxEvents ?? 2000);
  }

  get resourceVersion(): string {
    return String(this.#revision);
  }

  addHooks(resource: Resource, hooks: StoreHooks): void {
    const key = resourceKey(resource);
    this.#hooks.set(key, [...(this.#hooks.get(key) ?? []), hooks]);
  }

  setAdmission(admit: Admit): void {
    this.#admit = admit;
  }

  get<T extends KubeObject = KubeObject>(resource: Resource, namespace: string | undefined, name: string): T | undefined {
    return this.#table(resource).get(keyOf(namespace, name)) as T | undefined;
  }

  /** @throws StatusError where there is none */
  mustGet<T extends KubeObject = KubeObject>(resource: Resource, namespace: string | undefined, name: string): T {
    const found = this.get<T>(resource, namespace, name);
    if (found === undefined) throw notFound(resource, name);
    return found;
  }

  getByUid(uid: string): KubeObject | undefined {
    return this.#byUid.get(uid)?.object;
  }

  /** In the order of namespace and name. */
  list<T extends KubeObject = KubeObject>(resource: Resource, options: ListOptions = {}): readonly T[] {
    const fits = filterOf(options);
    return [...this.#table(resource)]
      .filter(([, object]) => fits(object))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object as T);
  }

  create<T extends KubeObject = KubeObject>(resource: Resource, object: NewObject, options: WriteOptions = {}): T {
    const prepared = this.prepareCreate(resource, object);
    return this.#insert(resource, prepared, options) as T;
  }

  /**
   * The same, with a say for quotas, limits and the webhooks of the cluster: this is how a controller makes pods.
   *
   * @throws StatusError where admission refuses
   */
  async createAdmitted<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: NewObject,
    options: WriteOptions & { readonly user: UserInfo },
  ): Promise<T> {
    const prepared = this.prepareCreate(resource, object);
    const admitted = await this.#admit?.({
      operation: 'CREATE',
      resource,
      object: prepared,
      user: options.user,
      isDryRun: options.isDryRun === true,
    });
    return this.#insert(resource, admitted ?? prepared, options) as T;
  }

  /** The object as it would be stored: with its metadata and defaults, not yet checked. */
  prepareCreate(resource: Resource, object: NewObject): KubeObject {
    const { metadata } = object;
    const generated = metadata.generateName === undefined ? '' : metadata.generateName + randomName();
    const name = metadata.name === undefined || metadata.name === '' ? generated : metadata.name;
    if (name === '') {
      throw invalid(resource, '', [
        { field: 'metadata.name', message: 'Required value: name or generateName is required', reason: 'FieldValueRequired' },
      ]);
    }
    const { namespace, deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...kept } = metadata;
    if (resource.isNamespaced && (namespace ?? '') === '') throw badRequest('an empty namespace may not be set during creation');
    const full: KubeObject = {
      ...object,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        ...kept,
        name,
        ...(resource.isNamespaced && namespace !== undefined ? { namespace } : {}),
        uid: randomUUID(),
        resourceVersion: '',
        ...(object.spec === undefined ? {} : { generation: 1 }),
        creationTimestamp: kubeTime(this.#now()),
      },
    };
    return this.#hooksOf(resource).reduce((current, { prepareCreate }) => prepareCreate?.(current) ?? current, full);
  }

  /**
   * Replaces an object but for its status, where that is a subresource, and for what the store alone says of it.
   *
   * @throws StatusError 409 where `metadata.resourceVersion` is set and is not the stored one
   */
  update<T extends KubeObject = KubeObject>(resource: Resource, object: NewObject, options: WriteOptions = {}): T {
    const previous = this.mustGet(resource, object.metadata.namespace, object.metadata.name ?? '');
    const prepared = this.prepareUpdate(resource, object, previous);
    return this.#replace(resource, prepared, previous, options) as T;
  }

  /** Replaces the status only. */
  updateStatus<T extends KubeObject = KubeObject>(resource: Resource, object: NewObject, options: WriteOptions = {}): T {
    const previous = this.mustGet(resource, object.metadata.namespace, object.metadata.name ?? '');
    requireFresh(resource, object, previous);
    return this.#replace(resource, { ...previous, status: object.status }, previous, options) as T;
  }

  /** Reads and writes in one go, so that there is no conflict. The change may concern the status, too. */
  patch<T extends KubeObject = KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    change: (current: T) => NewObject,
    options: WriteOptions = {},
  ): T {
    const previous = this.mustGet<T>(resource, namespace, name);
    const changed = change(previous);
    if (changed === previous) return previous;
    const prepared = this.prepareUpdate(resource, changed, previous);
    const { status: _former, ...rest } = prepared;
    const next = changed.status === undefined ? rest : { ...rest, status: changed.status };
    return this.#replace(resource, next, previous, options) as T;
  }

  /** The object as an update would store it, with the former status. */
  prepareUpdate(resource: Resource, object: NewObject, previous: KubeObject): KubeObject {
    requireFresh(resource, object, previous);
    const { deletionTimestamp, deletionGracePeriodSeconds } = previous.metadata;
    const { deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...metadata } = object.metadata;
    const hasStatus = resource.subresources.includes('status');
    const { status, ...rest } = object;
    const kept = hasStatus ? previous.status : status;
    const next: KubeObject = {
      ...rest,
      ...(kept === undefined ? {} : { status: kept }),
      apiVersion: previous.apiVersion,
      kind: previous.kind,
      metadata: {
        ...metadata,
        name: previous.metadata.name,
        uid: previous.metadata.uid,
        resourceVersion: previous.metadata.resourceVersion,
        creationTimestamp: previous.metadata.creationTimestamp,
        ...(previous.metadata.namespace === undefined ? {} : { namespace: previous.metadata.namespace }),
        ...(previous.metadata.generation === undefined ? {} : { generation: previous.metadata.generation }),
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
      },
    };
    return this.#hooksOf(resource).reduce((current, { prepareUpdate }) => prepareUpdate?.(current, previous) ?? current, next);
  }

  /**
   * Deletes an object; it stays, marked, while it has finalizers or a period of grace. What it owns goes with it, by
   * `propagationPolicy` (default Background). Returns the object as it is now, or as it was last.
   */
  remove(resource: Resource, namespace: string | undefined, name: string, options: RemoveOptions = {}): KubeObject {
    const previous = this.mustGet(resource, namespace, name);
    const { preconditions, propagationPolicy = 'Background' } = options;
    if (preconditions?.uid !== undefined && preconditions.uid !== previous.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${previous.metadata.uid}`;
      throw conflict(resource, name, why);
    }
    if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== previous.metadata.resourceVersion)
      throw conflict(resource, name, staleObject);
    if (options.isDryRun === true) return previous;
    if (propagationPolicy === 'Orphan') this.#orphan(previous.metadata.uid);
    const isForeground = propagationPolicy === 'Foreground' && this.#dependentsOf(previous.metadata.uid).length > 0;
    const former = previous.metadata.finalizers ?? [];
    const finalizers = isForeground && !former.includes(foregroundFinalizer) ? [...former, foregroundFinalizer] : former;
    const natural = this.#hooksOf(resource).reduce((most, hooks) => Math.max(most, hooks.gracePeriodSeconds?.(previous) ?? 0), 0);
    const wished = natural === 0 ? 0 : (options.gracePeriodSeconds ?? natural);
    const left = previous.metadata.deletionGracePeriodSeconds ?? wished;
    const grace = previous.metadata.deletionTimestamp === undefined ? wished : Math.min(wished, left);
    const metadata: ObjectMeta = {
      ...previous.metadata,
      deletionTimestamp: kubeTime(new Date(this.#now().getTime() + grace * 1000)),
      deletionGracePeriodSeconds: grace,
      ...(finalizers.length === 0 ? {} : { finalizers }),
    };
    if (!isPending({ ...previous, metadata })) return this.#drop(resource, previous);
    const isMarked = previous.metadata.deletionTimestamp !== undefined;
    const isLess = isMarked && grace === left && finalizers === former;
    const marked = this.#hooksOf(resource).reduce((object, { markDeleted }) => markDeleted?.(object) ?? object, {
      ...previous,
      metadata,
    });
    const stored = isLess ? previous : this.#commit(resource, marked, previous);
    if (isForeground)
      for (const { resource: kind, object } of this.#dependentsOf(stored.metadata.uid)) this.#cascade(kind, object, true);
    return this.getByUid(stored.metadata.uid) ?? stored;
  }

  /** Calls the listener in order, never from within a write. Returns the way to end it. */
  watch<T extends KubeObject = KubeObject>(
    resource: Resource,
    options: WatchOptions,
    listener: (event: Omit<WatchEvent, 'object'> & { readonly object: T }) => void,
  ): () => void {
    const since = options.sinceResourceVersion === undefined ? this.#revision : Number(options.sinceResourceVersion);
    const tell = listener as (event: WatchEvent) => void;
    if (options.hasInitialEvents === true) for (const object of this.list(resource, options)) tell({ type: 'ADDED', object });
    return this.#hub.watch({
      key: resourceKey(resource),
      fits: filterOf(options),
      since: options.hasInitialEvents === true ? this.#revision : since,
      listener: tell,
    });
  }

  /** A fault: watches from the past are refused (410) from now on, and open ones hear of it by `onHistoryForgotten`. */
  forgetHistory(): void {
    this.#hub.forget(this.#revision);
  }

  onHistoryForgotten(listener: () => void): () => void {
    return this.#hub.onForgotten(listener);
  }

  #insert(resource: Resource, object: KubeObject, options: WriteOptions): KubeObject {
    const { namespace, name } = object.metadata;
    if (this.get(resource, namespace, name) !== undefined) throw alreadyExists(resource, name);
    this.#validate(resource, object, undefined);
    if (options.isDryRun === true) return object;
    const stored = this.#commit(resource, object, undefined);
    const owners = stored.metadata.ownerReferences ?? [];
    // Its owner went while it was made.
    if (owners.length > 0 && owners.every(({ uid }) => !this.#byUid.has(uid))) {
      queueMicrotask(() => {
        if (this.#byUid.has(stored.metadata.uid)) this.#cascade(resource, stored, false);
      });
    }
    return stored;
  }

  /** Validates, counts generations and stores. What is equal to what was there is not written. */
  #replace(resource: Resource, next: KubeObject, previous: KubeObject, options: WriteOptions): KubeObject {
    if (isDeepStrictEqual(next, previous)) return previous;
    this.#validate(resource, next, previous);
    const generation = previous.metadata.generation;
    const isNewGeneration = generation !== undefined && !isDeepStrictEqual(desired(next), desired(previous));
    const metadata = { ...next.metadata, ...(isNewGeneration ? { generation: generation + 1 } : {}) };
    if (options.isDryRun === true) return { ...next, metadata };
    const full = { ...next, metadata };
    if (metadata.deletionTimestamp !== undefined && !isPending(full)) return this.#drop(resource, full);
    return this.#commit(resource, full, previous);
  }

  #commit(resource: Resource, object: KubeObject, previous: KubeObject | undefined): KubeObject {
    this.#revision += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    const { namespace, name, uid } = stored.metadata;
    this.#table(resource).set(keyOf(namespace, name), stored);
    this.#byUid.set(uid, { resource, object: stored });
    this.#index(stored, previous);
    this.#hub.record({
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      object: stored,
      revision: this.#revision,
      key: resourceKey(resource),
      ...(previous === undefined ? {} : { previous }),
    });
    return stored;
  }

  #drop(resource: Resource, object: KubeObject): KubeObject {
    this.#revision += 1;
    const { namespace, name, uid } = object.metadata;
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    this.#table(resource).delete(keyOf(namespace, name));
    this.#byUid.delete(uid);
    this.#index(undefined, object);
    this.#hub.record({ type: 'DELETED', object: gone, previous: object, revision: this.#revision, key: resourceKey(resource) });
    for (const { removed } of this.#hooksOf(resource)) removed?.(gone);
    for (const dependent of this.#dependentsOf(uid)) this.#cascade(dependent.resource, dependent.object, false);
    for (const owner of object.metadata.ownerReferences ?? []) this.#releaseForeground(owner.uid);
    return gone;
  }

  /** Removes what lost its last owner, or takes the lost owner from it. */
  #cascade(resource: Resource, object: KubeObject, isForeground: boolean): void {
    const { namespace, name, ownerReferences = [] } = object.metadata;
    const others = ownerReferences.filter(({ uid }) => {
      const owner = this.#byUid.get(uid)?.object.metadata;
      return owner !== undefined && owner.finalizers?.includes(foregroundFinalizer) !== true;
    });
    if (others.length > 0) this.#setOwners(resource, object, others);
    else if (this.#byUid.has(object.metadata.uid))
      this.remove(resource, namespace, name, { propagationPolicy: isForeground ? 'Foreground' : 'Background' });
  }

  #orphan(uid: string): void {
    for (const { resource, object } of this.#dependentsOf(uid)) {
      const owners = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      this.#setOwners(resource, object, owners);
    }
  }

  #setOwners(resource: Resource, object: KubeObject, ownerReferences: ObjectMeta['ownerReferences']): void {
    this.#commit(resource, { ...object, metadata: { ...object.metadata, ...(ownerReferences && { ownerReferences }) } }, object);
  }

  /** An owner that waited for what it owns goes with the last of it. */
  #releaseForeground(uid: string): void {
    const owner = this.#byUid.get(uid);
    const finalizers = owner?.object.metadata.finalizers ?? [];
    if (owner === undefined || !finalizers.includes(foregroundFinalizer) || this.#dependentsOf(uid).length > 0) return;
    const rest = finalizers.filter((finalizer) => finalizer !== foregroundFinalizer);
    const metadata = { ...owner.object.metadata, finalizers: rest };
    this.#replace(owner.resource, { ...owner.object, metadata }, owner.object, {});
  }

  #dependentsOf(uid: string): readonly Located[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#byUid.get(dependent) ?? []);
  }

  #index(next: KubeObject | undefined, previous: KubeObject | undefined): void {
    for (const owner of previous?.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(previous?.metadata.uid ?? '');
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
    for (const owner of next?.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid) ?? new Set();
      this.#dependents.set(owner.uid, dependents.add(next?.metadata.uid ?? ''));
    }
  }

  #validate(resource: Resource, object: KubeObject, previous: KubeObject | undefined): void {
    const causes = this.#hooksOf(resource).flatMap(({ validate }) => validate?.(object, previous) ?? []);
    if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
  }

  #hooksOf(resource: Resource): readonly StoreHooks[] {
    return this.#hooks.get(resourceKey(resource)) ?? [];
  }

  #table(resource: Resource): Map<string, KubeObject> {
    const key = resourceKey(resource);
    const found = this.#tables.get(key);
    if (found !== undefined) return found;
    const table = new Map<string, KubeObject>();
    this.#tables.set(key, table);
    return table;
  }
}

function requireFresh(resource: Resource, object: NewObject, previous: KubeObject): void {
  const { resourceVersion = '', uid, name } = object.metadata;
  const isStale = resourceVersion !== '' && resourceVersion !== previous.metadata.resourceVersion;
  if (isStale) throw conflict(resource, previous.metadata.name, staleObject);
  if (uid !== undefined && uid !== previous.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${previous.metadata.uid}`;
    throw conflict(resource, name ?? '', why);
  }
}

/** Whether an object that is marked for deletion has to stay. */
function isPending(object: KubeObject): boolean {
  const { finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  const ofNamespace = object.kind === 'Namespace' ? listAt(object, 'spec', 'finalizers') : [];
  return finalizers.length > 0 || ofNamespace.length > 0 || deletionGracePeriodSeconds > 0;
}

/** What a generation counts: everything but metadata and status. */
function desired({ metadata: _metadata, status: _status, ...rest }: KubeObject): unknown {
  return rest;
}

function filterOf({ namespace, labelSelector, fieldSelector }: ListOptions): (object: KubeObject) => boolean {
  const fitsLabels = parseLabelSelector(labelSelector);
  const fitsFields = parseFieldSelector(fieldSelector);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) && fitsLabels(object) && fitsFields(object);
}

/** Names an object among those of its kind. */
export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Five characters without vowels, so that no word comes of them. */
function randomName(): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  return [...randomBytes(5)].map((byte) => alphabet[byte % alphabet.length]).join('');
}
