import type { Handlers } from '#net/rpc/handlers.ts';
import { clusterError } from '../kube/cluster-error.ts';
import type { KubeconfigSource } from '../kube/kubeconfig.ts';

/** Longer than a healthy API server needs, shorter than a person waits for a list. */
const listTimeoutMs = 10_000;

/** The calls that look at kubeconfig and cluster without a connection. The Kubernetes library is loaded by the first of them. */
export function createKubeHandlers(): Pick<Handlers, 'listContexts' | 'listNamespaces'> {
  return {
    listContexts: async (input) => {
      const { listContexts } = await import('../kube/kubeconfig.ts');
      return { contexts: [...listContexts(input)] };
    },
    listNamespaces: async (input, { signal }) => ({ namespaces: await listNamespaces(input, signal) }),
  };
}

interface NamespaceList {
  readonly items: readonly { readonly metadata?: { readonly name?: string } }[];
}

async function listNamespaces(source: KubeconfigSource, signal: AbortSignal): Promise<string[]> {
  const [{ loadKubeconfig }, { KubeClient }] = await Promise.all([
    import('../kube/kubeconfig.ts'),
    import('#net/kube/kube-client.ts'),
  ]);
  const target = loadKubeconfig(source);
  const client = new KubeClient(target.credentials);
  try {
    const list = await client.request<NamespaceList>({
      method: 'GET',
      path: '/api/v1/namespaces',
      signal,
      timeoutMs: listTimeoutMs,
    });
    return list.items.flatMap(({ metadata }) => metadata?.name ?? []).sort();
  } catch (error) {
    if (signal.aborted) throw error;
    throw clusterError(error, { server: target.server.href, action: 'list namespaces' });
  } finally {
    client.close();
  }
}
