import { existsSync } from 'node:fs';
import { importImage } from '../support/images.ts';
import { mustRun } from '../support/program.ts';
import { missingForProduct, settings } from '../support/settings.ts';

/** Why the tests with stock peers cannot run, or undefined. */
export function missingForStock(): string | undefined {
  const missing = missingForProduct();
  if (missing !== undefined) return missing;
  if (settings.stockCli === undefined) return 'TELEPRESENCE_STOCK_CLI is not set';
  if (!existsSync(settings.stockCli)) return `TELEPRESENCE_STOCK_CLI names ${settings.stockCli}, which does not exist`;
  if (settings.stockImage === undefined) return 'TELEPRESENCE_STOCK_IMAGE is not set';
  return undefined;
}

/** Values for the stock chart that name the stock image, which is an archive to bring into the cluster or a reference to pull. */
export async function stockImageFlags(): Promise<readonly string[]> {
  const image = settings.stockImage ?? '';
  const isArchive = existsSync(image);
  if (isArchive) await importImage(image);
  const reference = isArchive ? await referenceOf(image) : image;
  const match = /^(.*)\/([^/:]+):([^/:]+)$/.exec(reference);
  if (match === null) throw new Error(`${reference} is not of the form REGISTRY/NAME:TAG`);
  const [, registry, name, tag] = match;
  return [
    ...['image', 'agent.image'].flatMap((key) => ['--set', `${key}.registry=${registry},${key}.name=${name},${key}.tag=${tag}`]),
    '--set',
    'image.pullPolicy=IfNotPresent,agent.image.pullPolicy=IfNotPresent',
  ];
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
