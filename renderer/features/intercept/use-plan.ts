import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { type Answer, useAnswer } from '../../api/use-call.ts';
import { exactly } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';

/** A moment after the last key. */
const settleMs = 150;

/** What the cluster says about a request, asked again whenever it changes. */
export function usePlan(request: InterceptRequest | undefined): Answer<'planIntercept'> {
  const connection = useCurrentConnection();
  const input = connection === undefined || request === undefined ? undefined : { use: exactly(connection), request };
  return useAnswer('planIntercept', input, settleMs);
}
