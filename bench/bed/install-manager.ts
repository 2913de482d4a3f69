import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../../e2e/support/cluster.ts';
import { importImage } from '../../e2e/support/images.ts';
import type { Product } from '../../e2e/support/product.ts';
import { mustRun } from '../../e2e/support/program.ts';
import { checkout, settings } from '../../e2e/support/settings.ts';

const imageTimeoutMs = 300_000;

/** A traffic-manager that runs is used as it is, unless a fresh one is asked for. */
export async function installManager(cluster: Cluster, product: Product, isFresh: boolean): Promise<void> {
  const running = await cluster.find('Deployment', 'traffic-manager', settings.managerNamespace);
  if (running !== undefined && !isFresh) {
    console.log(
      `The traffic-manager in ${settings.managerNamespace} is used as it is; --fresh-manager builds and installs another.`,
    );
    return;
  }
  await bringImage();
  if (running !== undefined) await product.uninstall();
  await product.install();
}

async function bringImage(): Promise<void> {
  const script = join(checkout, 'scripts/image.ts');
  if (!existsSync(script)) return;
  console.log('Building the image …');
  await mustRun([process.execPath, script], { timeoutMs: imageTimeoutMs });
  const archives = (await mustRun(['find', join(checkout, 'dist/image'), '-name', '*.tar'])).split('\n');
  for (const archive of archives.filter((path) => path !== '')) await importImage(archive);
}
