import type { Logger } from '#base/common/log.ts';
import { withKubeconfigEnv } from '#protocol/local-api/kubeconfig-env.ts';
import type { DaemonLink } from '../daemon/daemon-link.ts';

/** Contexts and namespaces for the tray's menus. */
export interface ClusterChoices {
  readonly contexts: readonly string[];
  readonly namespaces: readonly string[];
}

export interface ClusterChoicesWatch {
  readonly current: ClusterChoices;
  /** Looks again where that may show something else: the daemon came, or another context is connected. */
  refresh(): void;
}

/** A person edits a kubeconfig now and then, and a menu that is a minute old is good enough. */
const maxAgeMs = 60_000;

export function watchClusterChoices(
  link: DaemonLink,
  kubeconfigEnv: string | undefined,
  logger: Logger,
  onChange: () => void,
): ClusterChoicesWatch {
  let current: ClusterChoices = { contexts: [], namespaces: [] };
  let shownFor = '';
  let readAt = Number.NEGATIVE_INFINITY;
  let isReading = false;
  const read = async (context: string | undefined) => {
    const { contexts } = await link.api.call('listContexts', withKubeconfigEnv('listContexts', { kubeFlags: {} }, kubeconfigEnv));
    const names = contexts.toSorted((a, b) => Number(b.current) - Number(a.current)).map(({ name }) => name);
    current = { contexts: names, namespaces: [] };
    onChange();
    // Without a connection the cluster may be out of reach, and nobody chooses a namespace of it.
    if (context === undefined) return;
    const input = withKubeconfigEnv('listNamespaces', { kubeFlags: { context } }, kubeconfigEnv);
    const { namespaces } = await link.api.call('listNamespaces', input);
    current = { contexts: names, namespaces };
    onChange();
  };
  return {
    get current() {
      return current;
    },
    refresh() {
      const context = connectedContext(link);
      const key = context ?? '';
      if (isReading || (key === shownFor && performance.now() - readAt < maxAgeMs)) return;
      isReading = true;
      shownFor = key;
      read(context)
        .catch((error: unknown) => logger.info('The tray has no list of contexts or namespaces', { error }))
        .finally(() => {
          isReading = false;
          readAt = performance.now();
        });
    },
  };
}

function connectedContext({ state }: DaemonLink): string | undefined {
  return Object.values(state?.connections ?? {}).find((connection) => connection.state.kind === 'on')?.context;
}
