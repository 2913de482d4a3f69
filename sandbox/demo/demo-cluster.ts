import type { RequestOptions } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { KubernetesObjectApi } from '@kubernetes/client-node/dist/object.js';
import type { KubernetesObject } from '@kubernetes/client-node/dist/types.js';
import { KubeClient } from '#net/kube/kube-client.ts';

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

interface WorkloadState {
  readonly spec?: { readonly template?: { readonly spec?: PodSpec } };
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

const goneTimeoutMs = 60_000;
const lookEveryMs = 200;

/** The little that the demo does to a cluster by itself: the shop is the developer's, not the product's. */
export class DemoCluster {
  readonly #api: KubernetesObjectApi;
  readonly #config: KubeConfig;

  /** @throws Error where the kubeconfig has no such context. */
  constructor(kubeconfig: string | undefined, context: string | undefined) {
    const config = new KubeConfig();
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    if (context !== undefined) {
      if (config.getContextObject(context) === null) throw new Error(`The kubeconfig has no context "${context}"`);
      config.setCurrentContext(context);
    }
    this.#config = config;
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  /** The cluster as the shop is deployed to it. Whoever opens it closes it. */
  openClient(): KubeClient {
    const cluster = this.#config.getCurrentCluster();
    return new KubeClient({
      server: new URL(cluster?.server ?? ''),
      requestOptions: async () => {
        const options: RequestOptions = {};
        await this.#config.applyToHTTPSOptions(options);
        const { agent, ...rest } = options;
        // The library's agent matters for proxies only.
        return cluster?.proxyUrl === undefined || agent === undefined ? rest : options;
      },
    });
  }

  /** Image of a Deployment; `undefined` where there is no such Deployment. */
  async imageOf(namespace: string, name: string): Promise<string | undefined> {
    const found = await this.#find<WorkloadState>({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } });
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
