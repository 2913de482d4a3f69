import type { Connection, ConnectRequest } from '#protocol/local-api/model.ts';
import { type Mirror, selectDaemon, selectPreferences } from '../stores/mirror.ts';
import { isLive, selectConnection } from './connection-view.ts';

/** What a link says of the place that it is about. Absent: wherever one is. */
export interface LinkPlace {
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  readonly managerNamespace?: string | undefined;
}

export type LinkTarget =
  | { readonly kind: 'there'; readonly connection: Connection }
  | {
      readonly kind: 'elsewhere';
      readonly request: ConnectRequest;
      /** Undefined: the kubeconfig's own, or the one of that context. */
      readonly context: string | undefined;
      readonly namespace: string | undefined;
    };

export function fitsLink(place: LinkPlace, connection: Connection): boolean {
  return (
    (place.context ?? connection.context) === connection.context &&
    (place.namespace ?? connection.namespace) === connection.namespace &&
    (place.managerNamespace ?? connection.managerNamespace) === connection.managerNamespace
  );
}

/** Where a link leads: into a connection that there is, the chosen one first, or into one that has to be made. */
export function linkTarget(place: LinkPlace, mirror: Mirror, chosen: string | undefined): LinkTarget {
  const current = selectConnection(mirror, chosen);
  const all = [...(current === undefined ? [] : [current]), ...Object.values(mirror.state?.connections ?? {})];
  const fitting = all.find(
    (connection) => (isLive(connection) || connection.state.kind === 'connecting') && fitsLink(place, connection),
  );
  if (fitting !== undefined) return { kind: 'there', connection: fitting };
  const { namespace, managerNamespace } = place;
  const context = place.context ?? (isLive(current) ? current?.context : undefined);
  const canBeRootless = selectDaemon(mirror)?.capabilities.includes('rootless') === true;
  const isRootless = canBeRootless && selectPreferences(mirror)?.defaultMode === 'rootless';
  return {
    kind: 'elsewhere',
    request: {
      kubeFlags: context === undefined ? {} : { context },
      ...(namespace === undefined ? {} : { namespace }),
      ...(managerNamespace === undefined ? {} : { managerNamespace }),
      ...(isRootless ? { mode: 'rootless' } : {}),
    },
    context,
    namespace,
  };
}
