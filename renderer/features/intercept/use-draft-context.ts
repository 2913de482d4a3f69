import { useMemo } from 'react';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { useWorkloads } from '../../stores/workloads.ts';
import { useInterceptDraft } from './intercept-draft.ts';
import type { DraftContext } from './intercept-request.ts';

/** What the draft is judged by: the workload as it is now, and what is engaged already. */
export function useDraftContext(): DraftContext {
  const key = useInterceptDraft((draft) => draft.workload);
  const row = useWorkloads((state) => (key === undefined ? undefined : state.rows.get(key)));
  const connection = useCurrentConnection();
  const engagements = useMirror(selectEngagements);
  const connectionName = connection?.name;
  const connectedNamespace = connection?.namespace ?? '';
  return useMemo(() => {
    const own = Object.values(engagements).filter((engagement) => engagement.connection === connectionName);
    return { row, connectedNamespace, takenNames: own.map(({ name }) => name) };
  }, [row, engagements, connectionName, connectedNamespace]);
}
