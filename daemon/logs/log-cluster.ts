import { KubeClient } from '#net/kube/kube-client.ts';
import type { Connections } from '../connection/connections.ts';
import { clusterError } from '../kube/cluster-error.ts';

/** The cluster of a connection, as its logs need it. */
export interface LogCluster {
  readonly client: KubeClient;
  readonly connection: string;
  readonly server: string;
  readonly namespace: string;
  readonly mappedNamespaces: readonly string[];
  readonly managerNamespace: string;
}

/** Works with the cluster of a connection by the kubeconfig that it was made with. Failures come in the terms of who asked. */
export async function withLogCluster<T>(
  connections: Pick<Connections, 'target'>,
  use: string | undefined,
  action: string,
  work: (cluster: LogCluster) => Promise<T>,
): Promise<T> {
  const { request, connection } = connections.target(use);
  // Loaded when it is needed: it is large.
  const { loadKubeconfig } = await import('../kube/kubeconfig.ts');
  const client = new KubeClient(loadKubeconfig(request).credentials);
  try {
    return await work({
      client,
      connection: connection.name,
      server: connection.server,
      namespace: connection.namespace,
      mappedNamespaces: connection.mappedNamespaces,
      managerNamespace: connection.manager?.namespace ?? connection.managerNamespace,
    });
  } catch (error) {
    throw clusterError(error, { server: connection.server, action });
  } finally {
    client.close();
  }
}
