import { existsSync } from 'node:fs';
import type { Laptop } from '../laptop/laptop.ts';
import { importImage } from '../support/images.ts';
import { mustRun } from '../support/program.ts';
import { missingForProduct, settings } from '../support/settings.ts';

/** Where the stock traffic-manager is installed: beside ours, which stays. */
export const stockNamespace = 'stock-manager';

/** Why the tests with a stock client cannot run, or undefined. */
export function missingForStockClient(): string | undefined {
  const missing = missingForProduct();
  if (missing !== undefined) return missing;
  if (settings.stockCli === undefined) return 'TELEPRESENCE_STOCK_CLI is not set';
  if (!existsSync(settings.stockCli)) return `TELEPRESENCE_STOCK_CLI names ${settings.stockCli}, which does not exist`;
  return undefined;
}

/** Why the tests with a stock traffic-manager cannot run, or undefined. The client installs it, since it has the chart. */
export function missingForStockManager(): string | undefined {
  return missingForStockClient() ?? (settings.stockImage === undefined ? 'TELEPRESENCE_STOCK_IMAGE is not set' : undefined);
}

/**
 * The stock client on a laptop, as root: in a container it starts no daemon by `sudo`. It reports nothing to anybody, and its files are
 * apart from those of the product.
 */
export class StockClient {
  readonly #laptop: Laptop;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(laptop: Laptop, home: string) {
    this.#laptop = laptop;
    const directories = { XDG_CONFIG_HOME: `${home}/.config`, XDG_CACHE_HOME: `${home}/.cache` };
    this.#environment = { SCOUT_DISABLE: '1', HOME: home, ...directories };
  }

  static async on(laptop: Laptop): Promise<StockClient> {
    const home = `${laptop.home}/stock`;
    await laptop.must(['mkdir', '-p', home], { as: 'root' });
    // It refuses to work without a default route. Nobody is at that address, so nothing gets through that way.
    const nobody = laptop.gateway.replace(/\d+$/, '254');
    await laptop.must(['ip', 'route', 'replace', 'default', 'via', nobody], { as: 'root' });
    return new StockClient(laptop, home);
  }

  async must(args: readonly string[], timeoutMs = 60_000): Promise<string> {
    return await this.#laptop.must([settings.stockCli ?? '', ...args], { as: 'root', timeoutMs, env: this.#environment });
  }

  /** Ends its daemons too; nothing happens where none run. */
  async quit(): Promise<void> {
    await this.must(['quit', '--stop-daemons']);
  }

  /**
   * Installs the stock traffic-manager. Its injector sees the pods of one namespace only: without an injector it does not find the subnet of
   * services in newer clusters, and one for the whole cluster would change the pods of others.
   */
  async installManager(injectedNamespace: string): Promise<void> {
    const selector = { key: 'kubernetes.io/metadata.name', operator: 'In', values: [injectedNamespace] };
    const values = ['metritonEnabled=false', 'agentInjector.webhook.port=8443', ...(await stockImageValues())];
    const flags = values.flatMap((value) => ['--set', value]);
    const matches = `agentInjector.webhook.namespaceSelector.matchExpressions=[${JSON.stringify(selector)}]`;
    await this.must(['helm', 'install', '--manager-namespace', stockNamespace, ...flags, '--set-json', matches], 120_000);
  }

  /** Its hook would pull an image. */
  async uninstallManager(): Promise<void> {
    await this.must(['helm', 'uninstall', '--no-hooks', '--manager-namespace', stockNamespace], 120_000);
  }
}

/** Values for the stock chart that name the stock image, which is an archive to bring into the cluster or a reference to pull. */
async function stockImageValues(): Promise<readonly string[]> {
  const image = settings.stockImage ?? '';
  const isArchive = existsSync(image);
  if (isArchive) await importImage(image);
  const reference = isArchive ? await referenceOf(image) : image;
  const match = /^(.*)\/([^/:]+):([^/:]+)$/.exec(reference);
  if (match === null) throw new Error(`${reference} is not of the form REGISTRY/NAME:TAG`);
  const [, registry, name, tag] = match;
  return ['image', 'agent.image'].flatMap((key) => [
    `${key}.registry=${registry}`,
    `${key}.name=${name}`,
    `${key}.tag=${tag}`,
    `${key}.pullPolicy=IfNotPresent`,
  ]);
}

/** First name of a docker-archive. */
async function referenceOf(archive: string): Promise<string> {
  const manifest = JSON.parse(await mustRun(['tar', '-xOf', archive, 'manifest.json'])) as readonly {
    readonly RepoTags?: readonly string[];
  }[];
  const [reference] = manifest[0]?.RepoTags ?? [];
  if (reference === undefined) throw new Error(`${archive} names no image`);
  return reference;
}
