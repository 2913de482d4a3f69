import type { Cluster } from '../support/cluster.ts';
import { bundleProgram } from './bundle.ts';
import { deployment, programConfigMap, service } from './manifests.ts';

/** Deployment and Service `shop` of two pods, reached by the name of its port; resolves when both are ready. */
export async function deployTwoPodShop(cluster: Cluster, namespace: string): Promise<void> {
  const http = { name: 'http', port: 8080 };
  await cluster.apply([
    programConfigMap(namespace, 'app', await bundleProgram('app')),
    deployment(namespace, 'shop', {
      program: 'app',
      replicas: 2,
      ports: [http],
      readiness: { httpGet: { path: '/', port: 'http' } },
    }),
    service(namespace, 'shop', [{ ...http, port: 80, targetPort: 'http' }]),
  ]);
  await cluster.readyPods(namespace, 'shop', 2);
}
