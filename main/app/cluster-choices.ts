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
  link: Pick<DaemonLink, 'api' | 'state'>,
  kubeconfigEnv: string | undefined,
  logger: Logger,
  onChange: () => void,
): ClusterChoicesWatch {
  let current: ClusterChoices = { contexts: [], namespaces: [] };
  let shownFor = '';
  let listedOf: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let isReading = false;
  const read = async (context: string | undefined) => {
    const { contexts } = await link.api.call('listContexts', withKubeconfigEnv('listContexts', { kubeFlags: {} }, kubeconfigEnv));
    const names = contexts.toSorted((a, b) => Number(b.current) - Number(a.current)).map(({ name }) => name);
    // Those of the same context stay until there are others: a cluster in trouble may not answer.
    const isSame = context !== undefined && context === listedOf;
    current = { contexts: names, namespaces: isSame ? current.namespaces : [] };
    listedOf = context;
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

/** Of the connection that there is, in trouble too; one that is still being made has no namespaces to choose from. */
function connectedContext({ state }: Pick<DaemonLink, 'state'>): string | undefined {
  const { connections = {} } = state ?? {};
  return Object.values(connections).find(({ state: { kind } }) => kind !== 'off' && kind !== 'connecting')?.context;
}
