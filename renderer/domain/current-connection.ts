import type { Connection } from '#protocol/local-api/model.ts';
import { useMirror } from '../stores/mirror.ts';
import { useView } from '../stores/view.ts';
import { selectConnection } from './connection-view.ts';

/** The connection that the pages are about. */
export function useCurrentConnection(): Connection | undefined {
  const chosen = useView((view) => view.connection);
  return useMirror((mirror) => selectConnection(mirror, chosen));
}
