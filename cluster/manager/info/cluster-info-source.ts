import type { Logger } from '#base/common/log.ts';
import { Informer } from '#net/kube/informer.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import type { ClusterInfo } from '#protocol/cluster/generated/manager_pb.js';
import { WatchedValue } from '../watched-value.ts';
import { type ClientConfig, readClientConfig } from './client-config.ts';
import { type ClusterFacts, toClusterInfo } from './cluster-info.ts';
import { type SubnetOptions, SubnetSource } from './subnet-source.ts';

export interface ClusterInfoOptions extends SubnetOptions {
  readonly kube: KubeClient;
  readonly logger: Logger;
  readonly place: Pick<ClusterFacts, 'managerPodIp' | 'managerPort' | 'kubeDnsIp' | 'clusterDomain'>;
}

interface ConfigMapObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** The ConfigMap and the key that hold the settings for laptops. */
const configMapName = 'traffic-manager';
const clientConfigKey = 'client.yaml';

/** Changes that come in a burst (a rollout) are told once. */
const settleMs = 200;

/** The cluster's description, assembled and kept up to date. */
export class ClusterInfoSource {
  readonly info = new WatchedValue<ClusterInfo>();
  readonly #options: ClusterInfoOptions;
  readonly #subnets: SubnetSource;
  readonly #configMaps: Informer<ConfigMapObject, string>;
  #clientConfig: ClientConfig = readClientConfig('');
  #settling: NodeJS.Timeout | undefined;
  #isReady = false;
  #isStopped = false;
  #told = '';

  constructor(options: ClusterInfoOptions) {
    this.#options = options;
    this.#subnets = new SubnetSource(options, () => this.#changed());
    this.#configMaps = new Informer<ConfigMapObject, string>({
      client: options.kube,
      path: `/api/v1/namespaces/${options.managerNamespace}/configmaps`,
      query: { fieldSelector: `metadata.name=${configMapName}` },
      select: (object) => object.data?.[clientConfigKey],
      logger: options.logger,
    });
    this.#configMaps.subscribe((event) => {
      this.#clientConfig = readClientConfig(event.kind === 'deleted' ? '' : event.item);
      this.#changed();
    });
  }

  get clientConfigYaml(): string {
    return this.#clientConfig.yaml;
  }

  /** Resolves when the first description is complete. */
  async start(): Promise<void> {
    await Promise.all([this.#subnets.start(), this.#startConfig()]);
    this.#isReady = true;
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#settling);
    await Promise.all([this.#subnets.stop(), this.#configMaps.stop()]);
  }

  async #startConfig(): Promise<void> {
    try {
      await this.#configMaps.start();
    } catch (error) {
      if (!(error instanceof KubeStatusError)) throw error;
      this.#options.logger.warn('The settings for laptops cannot be read', { configMap: configMapName, reason: error.message });
    }
  }

  #changed(): void {
    if (!this.#isReady || this.#isStopped) return;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#tell();
    }, settleMs);
  }

  #tell(): void {
    const facts: ClusterFacts = {
      ...this.#options.place,
      serviceCidrs: this.#subnets.serviceCidrs,
      podCidrs: this.#subnets.podCidrs,
      clientConfig: this.#clientConfig,
    };
    const fingerprint = JSON.stringify(facts, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
    if (fingerprint === this.#told) return;
    this.#told = fingerprint;
    this.info.set(toClusterInfo(facts));
    this.#options.logger.info('The cluster is described', {
      serviceCidrs: facts.serviceCidrs.length,
      podCidrs: facts.podCidrs.length,
      clusterDomain: facts.clusterDomain,
    });
  }
}
