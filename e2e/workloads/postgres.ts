import { join } from 'node:path';
import type { Cluster } from '../support/cluster.ts';
import { importImage } from '../support/images.ts';
import { mustRun } from '../support/program.ts';
import { checkout } from '../support/settings.ts';
import { deployment, service } from './manifests.ts';

const port = { name: 'postgres', port: 5432 };

/** A PostgreSQL server behind the service `postgres`, user and database `postgres`, no password. */
export async function createPostgres(cluster: Cluster, namespace: string): Promise<void> {
  const out = join(checkout, '.cache/images');
  await mustRun([join(checkout, 'e2e/kubernetes/postgres-image.sh'), out], { timeoutMs: 300_000 });
  await importImage(join(out, 'postgres.tar'));
  await cluster.apply([
    deployment(namespace, 'postgres', {
      image: 'localhost/postgres:1',
      command: ['/bin/postgres-pod'],
      ports: [port],
      readiness: { tcpSocket: { port: port.port } },
    }),
    service(namespace, 'postgres', [port]),
  ]);
  await cluster.readyPods(namespace, 'postgres');
}
