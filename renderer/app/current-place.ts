import { isLive } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { useMirror } from '../stores/mirror.ts';
import { type Place, useView } from '../stores/view.ts';

/** Where the window is: the chosen place, else, and until somebody goes somewhere, what fits the connection's state. */
export function useCurrentPlace(): Place | undefined {
  const place = useView((view) => view.place);
  const isKnown = useMirror((mirror) => mirror.state !== undefined);
  const connection = useCurrentConnection();
  if (place !== undefined) return place;
  if (!isKnown) return undefined;
  return isLive(connection) ? { page: 'workloads' } : { page: 'connect' };
}
