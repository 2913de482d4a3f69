import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { KubeClient } from '#net/kube/kube-client.ts';
import type { AdmissionResponse } from '../admission.ts';
import type { PatchOperation } from '../pod-patch.ts';
import type { PodObject, PodStatus, PodTemplate, ServiceObject } from '../pod-types.ts';
import { applyPatch } from './apply-patch.ts';

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly [field: string]: unknown };
  /** Of the webhook's configuration. */
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[];
  readonly [field: string]: unknown;
}

const namespacePath = '/api/v1/namespaces/shop';
const appsPath = '/apis/apps/v1/namespaces/shop';
const secretPath = '/api/v1/namespaces/ambassador/secrets/mutator-webhook-tls';
const webhookPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/agent-injector-webhook-ambassador';

export const webhookHost = 'agent-injector.ambassador.svc';

/**
 * For tests: an API server with one Deployment, which makes a new pod for every one that is evicted, and asks the webhook about it over
 * HTTPS, trusting nothing but the authority that was published.
 */
export class SmallCluster {
  readonly objects = new Map<string, Stored>();
  readonly pods = new Map<string, PodObject>();
  readonly services: ServiceObject[] = [];
  readonly evicted: string[] = [];
  readonly rollouts: unknown[] = [];
  readonly webhookErrors: string[] = [];
  /** Set by the test once the injector listens. */
  webhookPort = 0;
  /** What the kubelet makes of a new pod. */
  statusOf: (pod: PodObject) => PodStatus = readyStatus;
  mayEvict: () => boolean = () => true;
  /** What keeps pods from being made. */
  creationFailure: string | undefined;
  readonly #server = http.createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  readonly #spec: { readonly replicas: number; readonly template: PodTemplate };
  #count = 0;

  constructor(template: PodTemplate, replicas = 1) {
    const labels = template.metadata?.labels ?? {};
    const spec = { replicas, template, selector: { matchLabels: labels } };
    this.#spec = spec;
    this.objects.set(`${appsPath}/deployments/web`, { metadata: { name: 'web', uid: 'deployment' }, spec });
    this.objects.set(secretPath, { metadata: { name: 'mutator-webhook-tls', resourceVersion: '1' } });
    const webhook: Stored = {
      metadata: { name: 'agent-injector-webhook-ambassador' },
      webhooks: [{ name: 'agent-injector.telepresence.io', clientConfig: {} }],
    };
    this.objects.set(webhookPath, webhook);
  }

  async start(): Promise<KubeClient> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    await this.settle();
    const server = new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    return new KubeClient({ server, requestOptions: async () => ({}) });
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Makes the pods that are missing. */
  async settle(): Promise<void> {
    const { replicas, template } = this.#spec;
    while (this.pods.size < replicas && this.creationFailure === undefined) {
      this.#count += 1;
      const name = `web-1-${this.#count}`;
      const owner = { kind: 'ReplicaSet', name: 'web-1', uid: 'replicaset', controller: true };
      const metadata = { ...template.metadata, name, namespace: 'shop', uid: name, ownerReferences: [owner] };
      const pod = await this.#admitted({ metadata, spec: structuredClone(template.spec ?? {}) });
      this.pods.set(name, { ...pod, status: this.statusOf(pod) });
    }
  }

  /** Somebody empties the Secret. */
  forgetCertificate(): void {
    this.objects.set(secretPath, { metadata: { name: 'mutator-webhook-tls', resourceVersion: '100' } });
  }

  /** Somebody brings the webhook's configuration back to what the chart says. */
  forgetAuthorities(): void {
    const present = this.#webhook();
    const webhooks = present.webhooks?.map(({ name }) => ({ name, clientConfig: {} })) ?? [];
    this.objects.set(webhookPath, { ...present, webhooks });
  }

  get caBundle(): string {
    const [webhook] = this.#webhook().webhooks ?? [];
    return Buffer.from(webhook?.clientConfig.caBundle ?? '', 'base64').toString();
  }

  #webhook(): Stored {
    const found = this.objects.get(webhookPath);
    if (found === undefined) throw new Error("The webhook's configuration is gone");
    return found;
  }

  /** `failurePolicy: Ignore`: as it was, where the webhook cannot be asked. */
  async #admitted(pod: PodObject): Promise<PodObject> {
    try {
      const body = { request: { uid: 'r', operation: 'CREATE', namespace: 'shop', object: pod } };
      const { patch } = await askWebhook(this.webhookPort, this.caBundle, body);
      return patch === undefined ? pod : applyPatch(pod, JSON.parse(Buffer.from(patch, 'base64').toString()) as PatchOperation[]);
    } catch (error) {
      this.webhookErrors.push(String(error));
      return pod;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://api');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as Stored);
    const path = url.pathname;
    const send = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
    const eviction = /\/pods\/([^/]+)\/eviction$/.exec(path)?.[1];
    if (eviction !== undefined) {
      if (!this.mayEvict()) return void send(429, { code: 429, reason: 'TooManyRequests', message: 'disruption budget' });
      this.evicted.push(eviction);
      this.pods.delete(eviction);
      await this.settle();
      return void send(201, {});
    }
    if (request.method === 'PUT' && body !== undefined) {
      const present = this.objects.get(path);
      if (present?.metadata.resourceVersion !== body.metadata.resourceVersion)
        return void send(409, { code: 409, reason: 'Conflict' });
      const resourceVersion = String(Number(present?.metadata.resourceVersion) + 1);
      this.objects.set(path, { ...body, metadata: { ...body.metadata, resourceVersion } });
      return void send(200, body);
    }
    if (request.method === 'PATCH' && body !== undefined) {
      if (path === webhookPath) this.objects.set(path, { ...this.objects.get(path), ...body });
      else await this.#rollOut(body);
      return void send(200, {});
    }
    const found = this.#read(path);
    if (found === undefined) send(404, { code: 404, reason: 'NotFound', message: `${path} was not found` });
    else send(200, found);
  }

  #read(path: string): unknown {
    if (path.endsWith('/pods')) {
      // Only the injector asks for those of all namespaces, by its label.
      const all = [...this.pods.values()];
      const isOwn = path === `${namespacePath}/pods`;
      return { items: isOwn ? all : all.filter((pod) => pod.metadata?.labels?.['telepresence.io/workloadEnabled'] === 'true') };
    }
    if (path === `${namespacePath}/services`) return { items: this.services };
    if (path.endsWith('/events')) return { items: [] };
    if (path === `${appsPath}/replicasets`) return { items: [this.#replicaSet()] };
    return path === `${appsPath}/replicasets/web-1` ? this.#replicaSet() : this.objects.get(path);
  }

  #replicaSet(): unknown {
    const ownerReferences = [{ kind: 'Deployment', name: 'web', uid: 'deployment', controller: true }];
    const { creationFailure: message } = this;
    const conditions = message === undefined ? [] : [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }];
    return {
      metadata: { name: 'web-1', uid: 'replicaset', ownerReferences },
      spec: this.#spec,
      status: { conditions },
    };
  }

  async #rollOut(body: Stored): Promise<void> {
    this.rollouts.push(body);
    this.pods.clear();
    await this.settle();
  }
}

export function readyStatus(pod: PodObject): PodStatus {
  const containerStatuses = (pod.spec?.containers ?? []).map(({ name }) => ({ name, ready: true, state: { running: {} } }));
  return { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses };
}

/** As the API server asks. */
export async function askWebhook(port: number, ca: string, body: unknown, path = '/traffic-agent'): Promise<AdmissionResponse> {
  const options = { host: '127.0.0.1', port, path, method: 'POST', ca, servername: webhookHost, agent: false };
  return await new Promise((resolve, reject) => {
    const outgoing = https.request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve((JSON.parse(text) as { response: AdmissionResponse }).response);
        else reject(new Error(`${response.statusCode} ${text.trim()}`));
      });
    });
    outgoing.on('error', reject).end(JSON.stringify(body));
  });
}
