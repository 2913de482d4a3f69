import type { Cluster } from '../support/cluster.ts';
import type { KubeObject } from '../support/objects.ts';
import { bundleProgram } from './bundle.ts';
import { deployment, externalName, programConfigMap, service, statefulSet } from './manifests.ts';

/** Ports of the workload `streams`; what each does is in `programs/streams.ts`. */
export const streamPorts = {
  control: 9000,
  echo: 9001,
  sink: 9002,
  source: 9003,
  goodbye: 9004,
  reset: 9005,
  halfClosed: 9006,
  stuck: 9007,
  http2: 8081,
  webSocket: 8082,
} as const;

/**
 * A namespace full of things to reach:
 *
 * | name | what |
 * |---|---|
 * | `web` | service on port 80 of two pods that echo HTTP requests; port 81 leads to a port where nobody listens |
 * | `streams` | one pod with the TCP, UDP, HTTP/2 and WebSocket behaviours of `streamPorts` |
 * | `store` | StatefulSet of two behind a headless service: `store-0.store`, `store-1.store` |
 * | `alias` | ExternalName of `web` |
 * | `nobody` | service without endpoints |
 */
export interface World {
  readonly namespace: string;
  readonly webPods: readonly { readonly name: string; readonly ip: string }[];
  readonly storePods: readonly { readonly name: string; readonly ip: string }[];
  readonly streamsIp: string;
  remove(isAwaited?: boolean): Promise<void>;
}

/** A namespace for workloads that a test brings itself. */
export async function createEmptyWorld(cluster: Cluster, prefix: string): Promise<World> {
  const namespace = await cluster.createNamespace(prefix);
  const remove = async (isAwaited?: boolean) => await cluster.deleteNamespace(namespace, isAwaited);
  return { namespace, webPods: [], storePods: [], streamsIp: '', remove };
}

export async function createWorld(cluster: Cluster, prefix: string): Promise<World> {
  const namespace = await cluster.createNamespace(prefix);
  try {
    await cluster.apply(await worldObjects(namespace));
    const named = async (app: string, count: number) =>
      (await cluster.readyPods(namespace, app, count)).map((pod) => ({ name: pod.metadata.name, ip: pod.status.podIP ?? '' }));
    const [webPods, storePods] = [await named('web', 2), await named('store', 2)];
    const streamsIp = (await named('streams', 1))[0]?.ip ?? '';
    return {
      namespace,
      webPods,
      storePods,
      streamsIp,
      remove: async (isAwaited) => await cluster.deleteNamespace(namespace, isAwaited),
    };
  } catch (error) {
    await cluster.deleteNamespace(namespace);
    throw error;
  }
}

async function worldObjects(namespace: string): Promise<readonly KubeObject[]> {
  const http = [{ name: 'http', port: 8080 }];
  const httpReady = { httpGet: { path: '/', port: 'http' } };
  const tcp = Object.entries(streamPorts).map(([name, port]) => ({ name: portName(name), port }));
  return [
    programConfigMap(namespace, 'web', await bundleProgram('http-echo')),
    programConfigMap(namespace, 'streams', await bundleProgram('streams')),
    deployment(namespace, 'web', { ports: http, readiness: httpReady, replicas: 2 }),
    deployment(namespace, 'streams', {
      ports: [...tcp, { name: 'echo-udp', port: streamPorts.echo, protocol: 'UDP' }],
      readiness: { httpGet: { path: '/', port: streamPorts.control } },
    }),
    statefulSet(namespace, 'store', { ports: http, readiness: httpReady, replicas: 2, program: 'web' }),
    service(namespace, 'web', [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'closed', port: 81, targetPort: 8999 },
    ]),
    service(namespace, 'streams', [...tcp, { name: 'echo-udp', port: streamPorts.echo, protocol: 'UDP' }]),
    service(namespace, 'store', [{ name: 'http', port: 8080 }], { isHeadless: true }),
    service(namespace, 'nobody', [{ name: 'http', port: 80 }]),
    externalName(namespace, 'alias', `web.${namespace}.svc.cluster.local`),
  ];
}

/** Port names are DNS labels: `halfClosed` becomes `half-closed`. */
function portName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
