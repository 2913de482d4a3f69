import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRecord, type KubeObject, kubeTime, type NewObject } from '../store/objects.ts';
import { apiVersionOf, type Resource, resources } from '../store/resources.ts';
import { badRequest, StatusError } from '../store/status-error.ts';
import type { Admit, ObjectStore, RemoveOptions, UserInfo } from '../store/store.ts';
import { authorize } from './authorization.ts';
import { isTrue, parseBody, parseObject, readBody, sendJson } from './http-answers.ts';
import { applyJsonPatch, applyMergePatch, type JsonPatchOperation } from './patches/json-patch.ts';
import { applyServerSide } from './patches/server-side-apply.ts';
import { applyStrategicPatch } from './patches/strategic-merge.ts';
import { presentation } from './presentation.ts';
import type { ResourceRequest } from './request-info.ts';
import { fromScale, scaleOf } from './scale.ts';
import { streamWatch } from './watching.ts';

export interface ObjectRequest {
  readonly store: ObjectStore;
  readonly admit: Admit;
  readonly user: UserInfo;
  readonly info: ResourceRequest & { readonly resource: Resource };
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** An update that was computed from an object that somebody else has changed meanwhile is computed anew so many times. */
const maxAttempts = 5;

/** The verbs on objects as they are stored, on their status and their scale. */
export async function answerObjectRequest(call: ObjectRequest): Promise<void> {
  const { store, info, query, request, response } = call;
  const { resource, namespace, name, verb } = info;
  const own = resource.isNamespaced ? namespace : undefined;
  const selectors = {
    namespace: own,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: fieldSelectorOf(query, name),
  };
  const { one, many, row } = presentation(resource, request.headers.accept, query);
  const shown = (object: KubeObject) => one(info.subresource === 'scale' ? scaleOf(object) : object);
  switch (verb) {
    case 'list':
      sendJson(response, 200, many(store.list(resource, selectors), store.resourceVersion));
      return;
    case 'watch':
      streamWatch(store, { resource, query, present: row, ...selectors }, response);
      return;
    case 'get':
      sendJson(response, 200, shown(store.mustGet(resource, own, name ?? '')));
      return;
    case 'create':
      sendJson(response, 201, shown(await create(call, parseObject(await readBody(request), contentTypeOf(request)))));
      return;
    case 'update': {
      const body = parseObject(await readBody(request), contentTypeOf(request));
      sendJson(response, 200, shown(await write(call, (current) => replacement(current, body, info.subresource))));
      return;
    }
    case 'patch': {
      const { object, isNew } = await patch(call, await readBody(request));
      sendJson(response, isNew ? 201 : 200, shown(object));
      return;
    }
    case 'delete':
    case 'deletecollection':
      await remove(call, selectors);
      return;
    default:
      throw new StatusError(405, 'MethodNotAllowed', `the server does not allow this method on the requested resource`);
  }
}

async function create({ store, info, user, query }: ObjectRequest, body: Readonly<Record<string, unknown>>): Promise<KubeObject> {
  const { resource, namespace } = info;
  requireKind(resource, body);
  const { status, ...rest } = body;
  const metadata = isRecord(body['metadata']) ? (body['metadata'] as NewObject['metadata']) : {};
  if (resource.isNamespaced && (metadata.namespace ?? namespace) !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  // Only a node comes with its status.
  const hasStatus = !resource.subresources.includes('status') || resource === resources.nodes;
  const object: NewObject = {
    ...rest,
    ...(hasStatus && status !== undefined ? { status } : {}),
    metadata: { ...metadata, ...(namespace === undefined || !resource.isNamespaced ? {} : { namespace }) },
  };
  return await store.createAdmitted(resource, object, { user, isDryRun: isDryRun(query) });
}

/** Reads, changes and writes, with admission in between. */
async function write(call: ObjectRequest, change: (current: KubeObject) => NewObject): Promise<KubeObject> {
  const { store, admit, info, user, query } = call;
  const { resource, namespace, name = '' } = info;
  const own = resource.isNamespaced ? namespace : undefined;
  const options = { isDryRun: isDryRun(query) };
  for (let attempt = 1; ; attempt += 1) {
    const previous = store.mustGet(resource, own, name);
    const changed = change(previous);
    try {
      if (info.subresource === 'status') return store.updateStatus(resource, changed, options);
      const prepared = store.prepareUpdate(resource, changed, previous);
      const admitted = await admit({ operation: 'UPDATE', resource, object: prepared, previous, user, ...options });
      return store.update(resource, admitted, options);
    } catch (error) {
      const isTheirs = changed.metadata.resourceVersion === previous.metadata.resourceVersion;
      const isStale = error instanceof StatusError && error.status.reason === 'Conflict';
      if (!isStale || !isTheirs || info.verb !== 'patch' || attempt === maxAttempts) throw error;
    }
  }
}

function replacement(current: KubeObject, body: Readonly<Record<string, unknown>>, subresource: string | undefined): NewObject {
  if (subresource === 'scale') return fromScale(current, body);
  const metadata = isRecord(body['metadata']) ? (body['metadata'] as NewObject['metadata']) : {};
  if ((metadata.name ?? current.metadata.name) !== current.metadata.name)
    throw badRequest('the name of the object does not match the name on the URL');
  // An absent namespace means the one of the URL.
  const place = current.metadata.namespace === undefined ? {} : { namespace: current.metadata.namespace };
  return { ...body, metadata: { ...metadata, name: current.metadata.name, ...place } };
}

async function patch(call: ObjectRequest, bytes: Buffer): Promise<{ readonly object: KubeObject; readonly isNew: boolean }> {
  const { store, info, query, user } = call;
  const { resource, namespace, name = '' } = info;
  const own = resource.isNamespaced ? namespace : undefined;
  const contentType = contentTypeOf(call.request);
  if (contentType.startsWith('application/apply-patch')) {
    const manager = query.get('fieldManager') ?? '';
    if (manager === '')
      throw badRequest('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
    const applied = applicable(parseObject(bytes, 'application/yaml'), name, own);
    requireKind(resource, applied);
    const options = { manager, isForced: isTrue(query, 'force'), time: kubeTime(new Date()) };
    if (store.get(resource, own, name) === undefined && info.subresource === undefined) {
      authorize(store, user, { ...info, verb: 'create' });
      return { object: await create(call, { ...applyServerSide(undefined, applied, options) }), isNew: true };
    }
    return { object: await write(call, (current) => applyServerSide(current, applied, options)), isNew: false };
  }
  const body = parseBody(bytes, contentType);
  const change = (current: KubeObject): NewObject => {
    const target = info.subresource === 'scale' ? scaleOf(current) : current;
    const changed = changedBy(contentType, target, body);
    if (!isRecord(changed) || !isRecord(changed['metadata'])) throw badRequest('the patch leaves no object');
    if (info.subresource === 'scale') return fromScale(current, changed);
    return { ...changed, metadata: changed['metadata'] };
  };
  return { object: await write(call, change), isNew: false };
}

function changedBy(contentType: string, target: unknown, body: unknown): unknown {
  if (contentType.startsWith('application/json-patch')) {
    if (!Array.isArray(body)) throw badRequest('a JSON patch is a list of operations');
    return applyJsonPatch(target, body as readonly JsonPatchOperation[]);
  }
  if (contentType.startsWith('application/merge-patch')) return applyMergePatch(target, body);
  if (contentType.startsWith('application/strategic-merge-patch')) return applyStrategicPatch(target, body);
  throw new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - ${contentType} is no kind of patch`,
  );
}

function applicable(body: Readonly<Record<string, unknown>>, name: string, namespace: string | undefined): NewObject {
  const metadata = isRecord(body['metadata']) ? (body['metadata'] as NewObject['metadata']) : {};
  if (metadata.name !== undefined && metadata.name !== name)
    throw badRequest('metadata.name of the applied object does not match the name on the URL');
  return { ...body, metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) } };
}

async function remove(
  call: ObjectRequest,
  selectors: {
    readonly namespace: string | undefined;
    readonly labelSelector: string | undefined;
    readonly fieldSelector: string | undefined;
  },
): Promise<void> {
  const { store, admit, info, user, query, request, response } = call;
  const { resource, name } = info;
  const body = parseObject(await readBody(request), contentTypeOf(request));
  const isDry = isDryRun(query) || (Array.isArray(body['dryRun']) && body['dryRun'].includes('All'));
  const grace = query.get('gracePeriodSeconds') ?? body['gracePeriodSeconds'];
  const policy = query.get('propagationPolicy') ?? body['propagationPolicy'];
  const options: RemoveOptions = {
    isDryRun: isDry,
    gracePeriodSeconds: grace === undefined || grace === null ? undefined : Number(grace),
    propagationPolicy: policy === 'Foreground' || policy === 'Orphan' ? policy : 'Background',
    preconditions: body['preconditions'] as RemoveOptions['preconditions'],
  };
  const removeOne = async (object: KubeObject) => {
    await admit({ operation: 'DELETE', resource, object, previous: object, user, isDryRun: isDry });
    return store.remove(resource, object.metadata.namespace, object.metadata.name, options);
  };
  if (name === undefined) {
    const items = await Promise.all(store.list(resource, selectors).map(removeOne));
    sendJson(response, 200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata: {}, items });
    return;
  }
  const removed = await removeOne(store.mustGet(resource, selectors.namespace, name));
  const isThere = store.getByUid(removed.metadata.uid) !== undefined;
  const details = {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    uid: removed.metadata.uid,
  };
  const isShown = isThere || resource === resources.pods;
  sendJson(response, 200, isShown ? removed : { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

function fieldSelectorOf(query: URLSearchParams, name: string | undefined): string | undefined {
  const asked = query.get('fieldSelector') ?? undefined;
  // A watch of one object by its own path.
  return name === undefined ? asked : `metadata.name=${name}`;
}

function requireKind(resource: Resource, body: Readonly<Record<string, unknown>>): void {
  const { kind = resource.kind, apiVersion = apiVersionOf(resource) } = body;
  if (kind !== resource.kind || apiVersion !== apiVersionOf(resource)) {
    const given = `${String(apiVersion)}, Kind=${String(kind)}`;
    throw badRequest(`the object provided is ${given}, and not ${apiVersionOf(resource)}, Kind=${resource.kind}`);
  }
}

function contentTypeOf(request: IncomingMessage): string {
  return request.headers['content-type'] ?? 'application/json';
}

function isDryRun(query: URLSearchParams): boolean {
  return query.getAll('dryRun').includes('All');
}
