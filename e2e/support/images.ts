import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from './program.ts';
import { checkout, settings } from './settings.ts';

/** Brings an image archive into the cluster's nodes: by E2E_IMAGE_IMPORT, or into the cluster of `e2e/kubernetes`. */
export async function importImage(archive: string): Promise<void> {
  if (settings.imageImport !== undefined) {
    await mustRun(['sh', '-c', `${settings.imageImport} "$1"`, 'import', archive], { timeoutMs: 300_000 });
    return;
  }
  if (!existsSync(join(settings.clusterState, 'run/containerd.sock'))) {
    throw new Error(
      `${archive} cannot be brought into the cluster: set E2E_IMAGE_IMPORT (such as "kind load image-archive") or CLUSTER_STATE`,
    );
  }
  await mustRun([join(checkout, 'e2e/kubernetes/cluster.sh'), 'import', archive], {
    timeoutMs: 300_000,
    env: { ...process.env, CLUSTER_STATE: settings.clusterState },
  });
}
