import { useEffect, useRef } from 'react';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { type Answer, useAnswer } from '../../api/use-call.ts';
import { exactly } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import type { DraftContext } from './intercept-request.ts';

/** A moment after the last key. */
const settleMs = 150;
/** What the workloads do not tell by changing: rights, what listens on the laptop. */
const againMs = 5_000;

interface Kept {
  readonly key: string;
  readonly output: Answer<'planIntercept'>['output'];
  readonly error: Answer<'planIntercept'>['error'];
}

/**
 * What the cluster says about a request: asked again whenever the request, the workload or one's own engagements change, and from time to
 * time. Until there is another answer about the same request, the former one stands.
 */
export function usePlan(request: InterceptRequest | undefined, context: DraftContext): Answer<'planIntercept'> {
  const connection = useCurrentConnection();
  const input = connection === undefined || request === undefined ? undefined : { use: exactly(connection), request };
  const key = input === undefined ? undefined : JSON.stringify(input);
  const answer = useAnswer('planIntercept', input, settleMs);
  const { isLoading, output, error } = answer;
  const kept = useRef<Kept>(undefined);
  if (key !== undefined && !isLoading) kept.current = { key, output, error };

  const again = useRef(answer.again);
  again.current = answer.again;
  const world = JSON.stringify([context.row?.workload, context.takenNames]);
  const known = useRef(world);
  useEffect(() => {
    if (known.current !== world) again.current();
    known.current = world;
  }, [world]);
  useEffect(() => {
    if (key === undefined || isLoading) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      if (!document.hidden) return again.current();
      // Nobody looks: it is asked when somebody does.
      document.addEventListener('visibilitychange', () => again.current(), { once: true, signal: stop.signal });
    }, againMs);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, isLoading]);

  const former = kept.current;
  if (!isLoading || former === undefined || former.key !== key) return answer;
  return { ...answer, output: former.output, error: former.error, isLoading: false };
}
