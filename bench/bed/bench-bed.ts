import { Laptop } from '../../e2e/laptop/laptop.ts';
import { Cluster } from '../../e2e/support/cluster.ts';
import { kubeconfigText, readKubeContext } from '../../e2e/support/kubeconfig.ts';
import { Product } from '../../e2e/support/product.ts';
import { spawnProgram } from '../../e2e/support/program.ts';
import type { Way } from '../measures/measure.ts';
import type { Target } from '../programs/exchange.ts';
import { httpMessages, type PortName, ports } from '../programs/ports.ts';
import { buildProduct } from './build-product.ts';
import { installManager } from './install-manager.ts';
import { LoadDriver, loadProgram } from './load-driver.ts';
import { PortForward } from './port-forward.ts';
import { createTargets, type Targets, targetsName } from './targets.ts';

const firstRequestMs = 15_000;

export interface BenchBedOptions {
  readonly kubeconfig: string;
  readonly ways: readonly Way[];
  /** How many names nobody asked for before there are to be. */
  readonly freshNames: number;
  readonly isManagerFresh: boolean;
}

/** The pod to reach, the laptop, and every way from one to the other. */
export class BenchBed {
  readonly cluster: Cluster;
  readonly laptop: Laptop;
  readonly product: Product;
  readonly targets: Targets;
  readonly portForward: PortForward;
  readonly dialogue = { request: httpMessages.closingRequest, reply: httpMessages.closingResponse } as const;
  readonly #drivers: Readonly<Record<Way, LoadDriver>>;
  /** Where the targets' name leads on the laptop while the product is connected. */
  #addressOnLaptop: string | undefined;

  private constructor(cluster: Cluster, laptop: Laptop, targets: Targets) {
    this.cluster = cluster;
    this.laptop = laptop;
    this.targets = targets;
    this.product = new Product(laptop);
    this.portForward = new PortForward(laptop, targets.namespace, targets.pod, Object.values(ports));
    const onLaptop = () => new LoadDriver(() => laptop.spawn(loadProgram));
    this.#drivers = { ours: onLaptop(), pf: onLaptop(), direct: new LoadDriver(() => spawnProgram(loadProgram)) };
  }

  /** Whatever comes of `use`, nothing of the bed stays, except a traffic-manager. */
  static async with(options: BenchBedOptions, use: (bed: BenchBed) => Promise<void>): Promise<void> {
    if (options.ways.includes('ours')) await buildProduct();
    await using disposers = new AsyncDisposableStack();
    const cluster = new Cluster(readKubeContext(options.kubeconfig));
    disposers.defer(() => cluster.close());
    const namespace = await cluster.createNamespace('bench');
    disposers.defer(async () => await cluster.deleteNamespace(namespace));
    const targets = await createTargets(cluster, namespace, options.freshNames);
    const laptop = await Laptop.create({ reaches: [cluster.server.host] });
    disposers.defer(async () => await laptop.close());
    const { context } = cluster;
    await laptop.writeFile(
      '.kube/config',
      kubeconfigText({ bench: { cluster: context.cluster, user: context.user, namespace } }),
    );
    const bed = new BenchBed(cluster, laptop, targets);
    disposers.defer(async () => await bed.#stop(options.ways.includes('ours')));
    if (options.ways.includes('ours')) await installManager(cluster, bed.product, options.isManagerFresh);
    await use(bed);
  }

  load(way: Way): LoadDriver {
    return this.#drivers[way];
  }

  /** Name of the targets as it is asked for on the laptop. */
  get targetsHost(): string {
    return `${targetsName}.${this.targets.namespace}`;
  }

  /** After this, loads can take the way. */
  async prepare(way: Way): Promise<void> {
    if (way === 'pf') await this.portForward.ready();
    if (way !== 'ours' || this.#addressOnLaptop !== undefined) return;
    await this.product.connect();
    await this.answerFirstRequest();
  }

  /** The first request after `connect`, by name. */
  async answerFirstRequest(): Promise<{ readonly attempts: number }> {
    const result = await this.load('ours').run('firstRequest', [this.targetsHost, ports.http, this.dialogue, firstRequestMs]);
    this.#addressOnLaptop = result.address;
    return result;
  }

  /** The product is connected no longer. */
  forgetConnection(): void {
    this.#addressOnLaptop = undefined;
  }

  /** Only after `prepare`. */
  target(way: Way, name: PortName): Target {
    if (way === 'pf') return this.portForward.target(ports[name]);
    if (way === 'direct') return { host: this.targets.clusterIp, port: ports[name] };
    if (this.#addressOnLaptop === undefined) throw new Error('the product is not connected');
    return { host: this.#addressOnLaptop, port: ports[name] };
  }

  /** Names in the cluster that nobody asked for. */
  takeFreshNames(count: number): readonly string[] {
    const names = this.targets.freshNames.splice(0, count);
    if (names.length < count) throw new Error('every fresh name has been asked for');
    return names;
  }

  async #stop(hasProduct: boolean): Promise<void> {
    this.portForward.stop();
    for (const driver of Object.values(this.#drivers)) driver.stop();
    if (hasProduct) await this.product.run(['quit', '--stop-daemons'], { timeoutMs: 20_000 });
  }
}
