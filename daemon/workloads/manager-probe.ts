import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { findManagerPod } from '../link/find-manager.ts';

interface PodList {
  readonly items?: readonly PodObject[];
}

export type ManagerProbe = CallOutput<'probeContext'>['manager'];

interface PodObject {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
}

/** The traffic-manager as somebody sees it who has not connected. */
export async function probeManager(client: KubeClient, namespace: string, signal: AbortSignal): Promise<ManagerProbe> {
  try {
    const { pod } = await findManagerPod(client, namespace, signal);
    // Listed, for that is the right that whoever connects has to have.
    const { items = [] } = await client.request<PodList>({
      method: 'GET',
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      query: { fieldSelector: `metadata.name=${pod}` },
      signal,
    });
    const [object] = items;
    return { kind: 'ready', namespace, version: object === undefined ? '' : versionOf(object) };
  } catch (error) {
    if (error instanceof KubeStatusError && error.status === 403) return { kind: 'unknown' };
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'manager.not-installed') return { kind: 'none' };
    if (error.code === 'manager.not-ready') return { kind: 'not-ready', namespace, reason: error.reason ?? error.message };
    throw error;
  }
}

/** Of the image's tag: the label may be missing, and tells the version of the chart. */
function versionOf({ metadata, spec }: PodObject): string {
  const containers = spec?.containers ?? [];
  const image = (containers.find(({ name }) => name === managerName) ?? containers[0])?.image ?? '';
  const tag = /:([^:/@]+)(@.*)?$/.exec(image)?.[1];
  return tag ?? metadata?.labels?.['app.kubernetes.io/version'] ?? '';
}
