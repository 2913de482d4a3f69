import { parse } from 'yaml';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { selects } from '#protocol/chart/label-selector.ts';
import { type LabelSelector, managerName, namespaceSelectorKey } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';

interface List<T> {
  readonly items: readonly T[];
}

interface ConfigMapObject {
  readonly metadata: { readonly namespace: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface NamespaceObject {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

/** What Telepresence 2.20 puts into each namespace that a traffic-manager is limited to: `owned-by` says whose. */
const claimName = 'traffic-manager-claim';

/** No traffic-manager manages them. */
const systemNamespaces = ['kube-system', 'kube-node-lease'];

/**
 * Two traffic-managers must not manage the same namespace: both would change its pods. The ConfigMap of each, of this product or of
 * Telepresence, says what it manages. Whoever may not look around in the cluster is not kept from installing.
 *
 * @throws AppError `install.conflict` naming the other traffic-manager.
 */
export async function refuseOverlap(
  client: KubeClient,
  own: { readonly namespace: string; readonly selector: LabelSelector | undefined },
  signal: AbortSignal,
): Promise<void> {
  const found = await lookAround(client, signal);
  if (found === undefined) return;
  const managed = (selector: LabelSelector | undefined) =>
    found.namespaces.filter(
      ({ metadata: { name, labels } }) => !systemNamespaces.includes(name) && selects(selector, labels ?? {}),
    );
  const ownNames = new Set(managed(own.selector).map(({ metadata }) => metadata.name));
  for (const { metadata, data } of found.configMaps) {
    if (metadata.namespace === own.namespace || !(await isThere(client, metadata.namespace, signal))) continue;
    const claimed = found.claims.flatMap(({ namespace, owner }) => (owner === metadata.namespace ? [namespace] : []));
    const selected = managed(readSelector(data?.[namespaceSelectorKey])).map(({ metadata: { name } }) => name);
    const shared = (claimed.length > 0 ? claimed : selected).filter((name) => ownNames.has(name));
    if (shared.length === 0) continue;
    const listed = shared.length > 3 ? `${shared.slice(0, 3).join(', ')} and ${shared.length - 3} more` : shared.join(', ');
    throw new AppError({
      code: 'install.conflict',
      message: `The traffic-manager in namespace "${metadata.namespace}" manages ${listed} already`,
      reason: 'Two traffic-managers cannot manage the same namespace',
      context: { otherManagerNamespace: metadata.namespace },
      remedies: [
        { label: 'Use that traffic-manager', command: `telepresence connect --manager-namespace ${metadata.namespace}` },
        {
          label: 'Or give each of them namespaces of its own',
          command: 'telepresence helm install --set namespaces={first,second}',
        },
      ],
    });
  }
}

async function lookAround(client: KubeClient, signal: AbortSignal) {
  try {
    const query = { fieldSelector: `metadata.name=${managerName}` };
    const claimQuery = { fieldSelector: `metadata.name=${claimName}` };
    const [configMaps, claims, namespaces] = await Promise.all([
      client.request<List<ConfigMapObject>>({ method: 'GET', path: '/api/v1/configmaps', query, signal }),
      client.request<List<ConfigMapObject>>({ method: 'GET', path: '/api/v1/configmaps', query: claimQuery, signal }),
      client.request<List<NamespaceObject>>({ method: 'GET', path: '/api/v1/namespaces', signal }),
    ]);
    return {
      configMaps: configMaps.items,
      claims: claims.items.map(({ metadata, data }) => ({ namespace: metadata.namespace, owner: data?.['owned-by'] })),
      namespaces: namespaces.items,
    };
  } catch (error) {
    if (error instanceof KubeStatusError && error.status === 403) return undefined;
    throw error;
  }
}

/** A ConfigMap that was left behind manages nothing. */
async function isThere(client: KubeClient, namespace: string, signal: AbortSignal): Promise<boolean> {
  const path = (resource: string) => `/apis/apps/v1/namespaces/${namespace}/${resource}/${managerName}`;
  const found = await Promise.all(
    ['deployments', 'statefulsets'].map(async (resource) => await client.find(path(resource), signal)),
  );
  return found.some((object) => object !== undefined);
}

function readSelector(yaml: string | undefined): LabelSelector | undefined {
  try {
    return (parse(yaml ?? '') as LabelSelector | null) ?? undefined;
  } catch {
    // Unreadable, so nobody can say that it leaves anything out.
    return undefined;
  }
}
