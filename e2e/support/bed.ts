import { Laptop } from '../laptop/laptop.ts';
import { Relay } from '../laptop/relay.ts';
import { createEmptyWorld, createWorld, type World } from '../workloads/world.ts';
import { Cluster } from './cluster.ts';
import { kubeconfigText, type WrittenContext } from './kubeconfig.ts';
import { Product } from './product.ts';

/** Everything that a test of the product stands on. */
export interface Bed {
  readonly cluster: Cluster;
  readonly laptop: Laptop;
  readonly product: Product;
  readonly world: World;
  /** What the laptop's kubeconfig holds, as a person with all rights in the namespace of the world. */
  readonly context: WrittenContext;
  /** Where the laptop's way to the API server leads through; only with `hasRelay`. */
  readonly relay: Relay;
  close(): Promise<void>;
}

export interface BedOptions {
  /** The traffic-manager is left to the test. */
  readonly isWithoutManager?: boolean;
  /** The namespace has nothing in it yet. */
  readonly isWorldEmpty?: boolean;
  /** The laptop reaches the API server through `relay`, which can misbehave. */
  readonly hasRelay?: boolean;
}

/** A laptop with the product, a namespace full of workloads, and a traffic-manager. */
export async function createBed(prefix: string, options: BedOptions = {}): Promise<Bed> {
  const cluster = Cluster.fromSettings();
  const disposers: (() => Promise<void> | void)[] = [() => cluster.close()];
  const close = async () => {
    for (const dispose of disposers.toReversed()) await dispose();
  };
  try {
    const world = await (options.isWorldEmpty === true ? createEmptyWorld : createWorld)(cluster, prefix);
    disposers.push(async () => await world.remove());
    const hasRelay = options.hasRelay === true;
    const laptop = await Laptop.create({ reaches: hasRelay ? [] : [cluster.server.host] });
    disposers.push(async () => await laptop.close());
    const relay = new Relay(cluster.server);
    if (hasRelay) {
      await relay.listen(laptop.gateway);
      disposers.push(async () => await relay.close());
    }
    const direct = cluster.context.cluster;
    const through = {
      ...direct,
      server: `https://${relay.address.host}:${relay.address.port}`,
      'tls-server-name': direct['tls-server-name'] ?? 'kubernetes',
    };
    const context = { cluster: hasRelay ? through : direct, user: cluster.context.user, namespace: world.namespace };
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: context }));
    const product = new Product(laptop);
    disposers.push(async () => {
      await product.run(['quit', '--stop-daemons'], { timeoutMs: 20_000 });
    });
    if (options.isWithoutManager !== true) await product.ensureManager(cluster);
    return { cluster, laptop, product, world, relay, context, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What `web` answers. */
export interface WebAnswer {
  readonly pod: string;
  readonly path: string;
  readonly host: string;
  readonly from: string;
}

/** `curl URL` on the laptop. */
export async function curl(laptop: Laptop, url: string, timeoutSeconds = 10): Promise<WebAnswer> {
  return JSON.parse(
    await laptop.must(['curl', '--silent', '--show-error', '--fail', '--max-time', String(timeoutSeconds), url]),
  ) as WebAnswer;
}
