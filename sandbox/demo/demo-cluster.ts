import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { KubernetesObjectApi } from '@kubernetes/client-node/dist/object.js';
import { PatchStrategy } from '@kubernetes/client-node/dist/patch.js';
import type { KubernetesObject } from '@kubernetes/client-node/dist/types.js';
import type { KubeObject } from '../shop/shop-objects.ts';

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

interface WorkloadStatus {
  readonly spec?: { readonly replicas?: number; readonly template?: { readonly spec?: PodSpec } };
  readonly status?: { readonly readyReplicas?: number; readonly updatedReplicas?: number };
}

interface PodSpec {
  readonly containers?: readonly { readonly image?: string; readonly ports?: readonly { readonly containerPort: number }[] }[];
}

interface ServiceState {
  readonly spec?: { readonly clusterIP?: string; readonly ports?: readonly { readonly port: number }[] };
}

interface PodState extends KubernetesObject {
  readonly spec?: PodSpec;
  readonly status?: { readonly podIP?: string };
}

const readyTimeoutMs = 90_000;
const goneTimeoutMs = 60_000;
const lookEveryMs = 200;

/** The little that the demo does to a cluster by itself: the shop is the developer's, not the product's. */
export class DemoCluster {
  readonly #api: KubernetesObjectApi;

  /** @throws Error where the kubeconfig has no such context. */
  constructor(kubeconfig: string | undefined, context: string | undefined) {
    const config = new KubeConfig();
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    if (context !== undefined) {
      if (config.getContextObject(context) === null) throw new Error(`The kubeconfig has no context "${context}"`);
      config.setCurrentContext(context);
    }
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  async apply(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      await this.#api.patch(object, undefined, undefined, 'telepresence-demo', true, PatchStrategy.ServerSideApply);
    }
  }

  async waitUntilReady(objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    const end = performance.now() + readyTimeoutMs;
    for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
      while (!(await this.#isReady(object))) {
        if (performance.now() > end) throw new Error(`${object.metadata.name} did not get ready`);
        await sleep(lookEveryMs, undefined, { signal });
      }
    }
  }

  /** Image of a Deployment; `undefined` where there is no such Deployment. */
  async imageOf(namespace: string, name: string): Promise<string | undefined> {
    const found = await this.#find<WorkloadStatus>({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } });
    return found?.spec?.template?.spec?.containers?.[0]?.image;
  }

  /** URL of a Service by its address. */
  async serviceAddress(namespace: string, name: string): Promise<string> {
    const service = await this.#find<ServiceState>({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } });
    const { clusterIP, ports = [] } = service?.spec ?? {};
    const [port] = ports;
    if (clusterIP === undefined || port === undefined) throw new Error(`The Service ${name} has no address`);
    return httpUrl(clusterIP, port.port);
  }

  /** URL of a pod by its address; pods are those with the label `app`. */
  async podAddress(namespace: string, app: string): Promise<string> {
    const pods = await this.#api.list<PodState>('v1', 'Pod', namespace, undefined, undefined, undefined, undefined, `app=${app}`);
    for (const { metadata, spec, status } of pods.items) {
      const port = spec?.containers?.[0]?.ports?.[0];
      if (metadata?.deletionTimestamp !== undefined || status?.podIP === undefined || port === undefined) continue;
      return httpUrl(status.podIP, port.containerPort);
    }
    throw new Error(`No pod of ${app} has an address`);
  }

  async removeNamespace(name: string): Promise<void> {
    const namespace: Named = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    if ((await this.#find(namespace)) === undefined) return;
    await this.#api.delete(namespace);
    const end = performance.now() + goneTimeoutMs;
    while ((await this.#find(namespace)) !== undefined) {
      if (performance.now() > end) throw new Error(`The namespace ${name} does not go away`);
      await sleep(lookEveryMs);
    }
  }

  async hasNamespace(name: string): Promise<boolean> {
    return (await this.#find({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })) !== undefined;
  }

  async #isReady(object: KubeObject): Promise<boolean> {
    const { spec, status } = (await this.#find<WorkloadStatus>(object)) ?? {};
    const wanted = spec?.replicas ?? 1;
    return (status?.readyReplicas ?? 0) >= wanted && (status?.updatedReplicas ?? 0) >= wanted;
  }

  async #find<T>(object: Named): Promise<T | undefined> {
    const { apiVersion, kind, metadata } = object;
    try {
      const namespace = metadata.namespace ?? '';
      return (await this.#api.read({ apiVersion, kind, metadata: { name: metadata.name, namespace } })) as T;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 404) return undefined;
      throw error;
    }
  }
}

function httpUrl(address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === 80 ? `http://${host}` : `http://${host}:${port}`;
}
