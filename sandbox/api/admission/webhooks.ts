import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { DialService } from '../../node/node-api.ts';
import { fieldAt, isRecord, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { apiVersionOf, resources } from '../../store/resources.ts';
import { StatusError } from '../../store/status-error.ts';
import type { Admission, ObjectStore } from '../../store/store.ts';
import { applyJsonPatch, type JsonPatchOperation } from '../patches/json-patch.ts';
import { fitsSelector } from './selector.ts';

export interface WebhookCaller {
  readonly dialService: DialService;
  /** A fault: webhooks cannot be reached. */
  isDown(): boolean;
}

type Webhook = Readonly<Record<string, unknown>>;

interface AdmissionResponse {
  readonly allowed?: boolean;
  readonly status?: { readonly message?: string; readonly code?: number };
  readonly patch?: string;
  readonly patchType?: string;
}

/** The object after all mutating webhooks that want to see it; validating ones are asked, too. @throws StatusError by a refusal */
export async function callWebhooks(store: ObjectStore, caller: WebhookCaller, admission: Admission): Promise<KubeObject> {
  let { object } = admission;
  for (const kind of [resources.mutatingWebhookConfigurations, resources.validatingWebhookConfigurations]) {
    for (const webhook of store.list(kind).flatMap((configuration) => listAt(configuration, 'webhooks'))) {
      if (!isConcerned(store, webhook, { ...admission, object })) continue;
      const answer = await ask(caller, webhook, { ...admission, object });
      if (answer === undefined) continue;
      if (answer.allowed !== true) throw denied(webhook, answer);
      const isMutating = kind === resources.mutatingWebhookConfigurations && answer.patch !== undefined;
      if (isMutating)
        object = applyJsonPatch(
          object,
          JSON.parse(Buffer.from(answer.patch ?? '', 'base64').toString('utf8')) as readonly JsonPatchOperation[],
        );
    }
  }
  return object;
}

function isConcerned(store: ObjectStore, webhook: Webhook, { operation, resource, object }: Admission): boolean {
  const isRuled = listAt(webhook, 'rules').some((rule) => {
    const has = (field: string, wanted: string) => {
      const values = fieldAt(rule, field);
      return Array.isArray(values) && (values.includes('*') || values.includes(wanted));
    };
    const scope = textAt(rule, 'scope') || '*';
    const isInScope = scope === '*' || (scope === 'Namespaced') === resource.isNamespaced;
    return (
      has('operations', operation) &&
      has('apiGroups', resource.group) &&
      has('apiVersions', resource.version) &&
      has('resources', resource.plural) &&
      isInScope
    );
  });
  if (!isRuled || !fitsSelector(webhook['objectSelector'], object.metadata.labels ?? {})) return false;
  const namespace = object.metadata.namespace;
  const labels = namespace === undefined ? {} : (store.get(resources.namespaces, undefined, namespace)?.metadata.labels ?? {});
  return namespace === undefined || fitsSelector(webhook['namespaceSelector'], labels);
}

/** `undefined` where it cannot be asked and that does not matter. */
async function ask(caller: WebhookCaller, webhook: Webhook, admission: Admission): Promise<AdmissionResponse | undefined> {
  const seconds = Number(webhook['timeoutSeconds'] ?? 10);
  try {
    const answer = await exchange(caller, webhook, reviewOf(admission), AbortSignal.timeout(seconds * 1000));
    const response = fieldAt(answer, 'response');
    if (!isRecord(response)) throw new Error('the answer has no response');
    return response;
  } catch (error) {
    if (webhook['failurePolicy'] === 'Ignore') return undefined;
    const why = `failed calling webhook ${JSON.stringify(webhook['name'])}: failed to call webhook: ${(error as Error).message}`;
    throw new StatusError(500, 'InternalError', `Internal error occurred: ${why}`);
  }
}

function reviewOf({ operation, resource, object, previous, user, isDryRun }: Admission): Readonly<Record<string, unknown>> {
  const { group, version, kind, plural } = resource;
  const type = { group, version, kind };
  const named = { group, version, resource: plural };
  const { name, namespace } = object.metadata;
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: randomUUID(),
      kind: type,
      resource: named,
      requestKind: type,
      requestResource: named,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      operation,
      userInfo: user,
      object: operation === 'DELETE' ? null : { ...object, apiVersion: apiVersionOf(resource), kind },
      oldObject: previous ?? null,
      dryRun: isDryRun,
      options: null,
    },
  };
}

async function exchange(caller: WebhookCaller, webhook: Webhook, review: unknown, signal: AbortSignal): Promise<unknown> {
  if (caller.isDown()) throw new Error('connection refused (a fault that the sandbox was asked for)');
  const config = webhook['clientConfig'];
  const service = fieldAt(config, 'service');
  const url = service === undefined ? new URL(textAt(config, 'url')) : serviceUrl(service);
  const raw =
    service === undefined
      ? undefined
      : await caller.dialService(textAt(service, 'namespace'), textAt(service, 'name'), Number(fieldAt(service, 'port') ?? 443));
  const caBundle = textAt(config, 'caBundle');
  const socket = connect({
    ...(raw === undefined ? { host: url.hostname, port: Number(url.port || 443) } : { socket: raw }),
    servername: url.hostname,
    ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
  });
  try {
    return await post(socket, url, JSON.stringify(review), signal);
  } finally {
    socket.destroy();
    raw?.destroy();
  }
}

function serviceUrl(service: unknown): URL {
  const path = textAt(service, 'path') || '/';
  return new URL(`https://${textAt(service, 'name')}.${textAt(service, 'namespace')}.svc${path}`);
}

async function post(socket: Duplex, url: URL, body: string, signal: AbortSignal): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    socket.on('error', reject);
    const request = http.request(
      {
        createConnection: () => socket,
        method: 'POST',
        host: url.hostname,
        path: `${url.pathname}${url.search}`,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), connection: 'close' },
        signal,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode !== 200) return reject(new Error(`it answered ${response.statusCode}: ${text.slice(0, 200)}`));
          try {
            return resolve(JSON.parse(text));
          } catch {
            return reject(new Error('its answer is no JSON'));
          }
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

function denied(webhook: Webhook, { status }: AdmissionResponse): StatusError {
  const why = status?.message === undefined ? 'denied the request without explanation' : `denied the request: ${status.message}`;
  return new StatusError(status?.code ?? 403, 'Forbidden', `admission webhook ${JSON.stringify(webhook['name'])} ${why}`);
}
