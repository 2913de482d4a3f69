import type { Cidr } from '#base/common/cidr.ts';
import type { Logger } from '#base/common/log.ts';
import { Informer } from '#net/kube/informer.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import type { PodCidrStrategy } from '../environment.ts';
import {
  addressesOfPod,
  areNodeCidrsUsable,
  coverPodIps,
  mergeCidrTexts,
  type NodeObject,
  type PodObject,
  podCidrsOfNode,
} from './pod-cidrs.ts';
import { cidrsOf, guessServiceCidrs, type ServiceCidrObject, serviceCidrPath } from './service-cidrs.ts';

export interface SubnetOptions {
  readonly kube: KubeClient;
  readonly logger: Logger;
  readonly managerNamespace: string;
  /** For the guess of last resort. */
  readonly kubernetesServiceIp: string;
  readonly strategy: PodCidrStrategy;
  /** For the strategy `environment`. */
  readonly podCidrs: readonly Cidr[];
  /** Pods are looked at in these only; empty: in all. */
  readonly managedNamespaces: readonly string[];
}

export type SubnetsListener = () => void;

/** Pods that are looked at to see whether the nodes' ranges are true. */
const sampleSize = 100;

/** Finds the subnets of services and pods and follows them. */
export class SubnetSource {
  readonly #options: SubnetOptions;
  readonly #onChange: SubnetsListener;
  readonly #informers: { stop(): Promise<void> }[] = [];
  readonly #stop = new AbortController();
  #services: () => readonly Cidr[] = () => [];
  #pods: () => readonly Cidr[] = () => [];
  /** Addresses once seen stay covered: a route that comes and goes with a pod breaks what is open. */
  readonly #seenPodIps = new Set<string>();

  constructor(options: SubnetOptions, onChange: SubnetsListener) {
    this.#options = options;
    this.#onChange = onChange;
  }

  get serviceCidrs(): readonly Cidr[] {
    return this.#services();
  }

  get podCidrs(): readonly Cidr[] {
    return this.#pods();
  }

  /** Resolves when both are known. After a failure it can be called again. */
  async start(): Promise<void> {
    const outcomes = await Promise.allSettled([this.#startServices(), this.#startPods()]);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure === undefined) return;
    await this.#stopInformers();
    throw failure.reason;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#stopInformers();
  }

  async #stopInformers(): Promise<void> {
    await Promise.all(this.#informers.splice(0).map((informer) => informer.stop()));
  }

  async #startServices(): Promise<void> {
    const { kube, logger, managerNamespace, kubernetesServiceIp } = this.#options;
    const objects = this.#inform<ServiceCidrObject, readonly string[]>(serviceCidrPath, cidrsOf);
    try {
      await objects.start();
      if (objects.items.size > 0) {
        this.#services = () => mergeCidrTexts([...objects.items.values()].flat());
        return;
      }
    } catch (error) {
      if (!(error instanceof KubeStatusError)) throw error;
      logger.debug('There are no ServiceCIDR objects to read', { reason: error.message });
    }
    await objects.stop();
    const guessed = await guessServiceCidrs(kube, managerNamespace, kubernetesServiceIp, this.#stop.signal);
    this.#services = () => guessed;
  }

  async #startPods(): Promise<void> {
    const { strategy, podCidrs } = this.#options;
    if (strategy === 'environment') {
      this.#pods = () => podCidrs;
      return;
    }
    if (strategy !== 'coverPodIPs' && (await this.#startNodes(strategy === 'auto'))) return;
    if (strategy !== 'nodePodCIDRs') await this.#startCover();
  }

  /** Returns whether the nodes' ranges can be used; `mustFit` asks the pods whether they are true. */
  async #startNodes(mustFit: boolean): Promise<boolean> {
    const nodes = this.#inform<NodeObject, readonly string[]>('/api/v1/nodes', podCidrsOfNode);
    try {
      await nodes.start();
    } catch (error) {
      if (!(error instanceof KubeStatusError)) throw error;
      this.#options.logger.info('Nodes cannot be read; pod subnets come from the pods', { reason: error.message });
      return false;
    }
    const cidrs = () => mergeCidrTexts([...nodes.items.values()].flat());
    if (mustFit && !areNodeCidrsUsable(cidrs(), await this.#samplePodIps())) {
      await nodes.stop();
      return false;
    }
    this.#pods = cidrs;
    return true;
  }

  async #samplePodIps(): Promise<readonly string[]> {
    const pages = await Promise.all(
      this.#podPaths().map((path) =>
        this.#options.kube.request<{ readonly items?: readonly PodObject[] }>({
          method: 'GET',
          path,
          query: { limit: sampleSize, fieldSelector: 'status.phase=Running' },
          signal: this.#stop.signal,
        }),
      ),
    );
    return pages.flatMap(({ items = [] }) => items.flatMap((pod) => addressesOfPod(pod) ?? []));
  }

  async #startCover(): Promise<void> {
    await Promise.all(
      this.#podPaths().map(async (path) => {
        const pods = this.#inform<PodObject, readonly string[]>(path, addressesOfPod);
        pods.subscribe(({ item }) => {
          for (const ip of item) this.#seenPodIps.add(ip);
        });
        await pods.start();
      }),
    );
    this.#pods = () => coverPodIps([...this.#seenPodIps]);
  }

  #podPaths(): readonly string[] {
    const { managedNamespaces } = this.#options;
    if (managedNamespaces.length === 0) return ['/api/v1/pods'];
    return managedNamespaces.map((namespace) => `/api/v1/namespaces/${namespace}/pods`);
  }

  #inform<T extends { readonly metadata?: { readonly name?: string } }, S>(
    path: string,
    select: (object: T) => S | undefined,
  ): Informer<T, S> {
    const informer = new Informer<T, S>({ client: this.#options.kube, path, select, logger: this.#options.logger });
    informer.subscribe(() => this.#onChange());
    this.#informers.push(informer);
    return informer;
  }
}
