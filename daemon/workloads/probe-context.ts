import { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { contextName } from '../kube/context-name.ts';
import type { KubeconfigSource } from '../kube/kubeconfig.ts';
import { installRights, isAllowed } from './access-review.ts';
import { errorDataOf } from './error-data.ts';
import { probeManager } from './manager-probe.ts';

type ContextProbe = CallOutput<'probeContext'>;

/** A cluster that takes longer than this is not one to wait for in a list. */
const probeTimeoutMs = 8_000;

interface NamespaceList {
  readonly items?: readonly { readonly metadata?: { readonly name?: string } }[];
}

/** How a context looks from here. Only an end that was asked for is thrown. */
export async function probeContext(
  source: KubeconfigSource,
  managerNamespaceOf: (extension: unknown) => string,
  signal: AbortSignal,
): Promise<ContextProbe> {
  const { context, namespace } = contextName(source);
  const unknown: ContextProbe = {
    context,
    namespace,
    server: '',
    manager: { kind: 'unknown' },
    namespaces: [],
    mayInstall: false,
  };
  let found = unknown;
  try {
    const { loadKubeconfig } = await import('../kube/kubeconfig.ts');
    const target = loadKubeconfig(source);
    found = { ...unknown, context: target.context, namespace: target.namespace, server: serverText(target.server) };
    const client = new KubeClient(target.credentials);
    try {
      const managerNamespace = managerNamespaceOf(target.extension);
      return {
        ...found,
        ...(await probe(client, managerNamespace, AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]))),
      };
    } finally {
      client.close();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    const failure = error instanceof AppError ? error : clusterError(error, { server: found.server, action: 'be looked at' });
    return { ...found, error: errorDataOf(failure) };
  }
}

type ClusterProbe = Pick<ContextProbe, 'serverVersion' | 'roundTripMs' | 'manager' | 'namespaces' | 'mayInstall'>;

async function probe(client: KubeClient, managerNamespace: string, signal: AbortSignal): Promise<ClusterProbe> {
  // The first request opens the connection and logs in; the second is a round trip.
  const { gitVersion } = await client.request<{ gitVersion?: string }>({ method: 'GET', path: '/version', signal });
  const startedAt = performance.now();
  await client.request({ method: 'GET', path: '/version', signal });
  const roundTripMs = Math.round((performance.now() - startedAt) * 10) / 10;
  const [manager, namespaces, rights] = await Promise.all([
    probeManager(client, managerNamespace, signal),
    listNamespaces(client, signal),
    Promise.all(installRights(managerNamespace).map((right) => isAllowed(client, right, signal).catch(() => false))),
  ]);
  return {
    ...(gitVersion === undefined ? {} : { serverVersion: gitVersion }),
    roundTripMs,
    manager,
    namespaces,
    mayInstall: rights.every(Boolean),
  };
}

/** None where this user may not list them. */
async function listNamespaces(client: KubeClient, signal: AbortSignal): Promise<string[]> {
  try {
    const { items = [] } = await client.request<NamespaceList>({ method: 'GET', path: '/api/v1/namespaces', signal });
    return items.flatMap(({ metadata }) => metadata?.name ?? []).sort();
  } catch (error) {
    signal.throwIfAborted();
    if (clusterError(error, { server: '', action: 'list namespaces' }).code === 'cluster.forbidden') return [];
    throw error;
  }
}

function serverText(server: URL): string {
  return server.href.replace(/\/$/, '');
}
