import { useCallback, useEffect, useEffectEvent, useState } from 'react';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput, SubscriptionName } from '#protocol/local-api/local-api.ts';
import { daemonClient } from './daemon-session.ts';

/**
 * Subscribes while the component is there and `input` is the same, again after the daemon came back or this page was too slow. `onEvent` is
 * called with each event: the first one of each subscription is a whole snapshot. `input` undefined: not now. `onStart` is called before
 * each subscription, for what has no snapshot of its own.
 */
export function useSubscription<Name extends SubscriptionName>(
  name: Name,
  input: CallInput<Name> | undefined,
  onEvent: (event: CallEvent<Name>) => void,
  onStart?: () => void,
): { readonly error: ErrorData | undefined; retry(): void } {
  const [error, setError] = useState<ErrorData>();
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((before) => before + 1), []);
  const handle = useEffectEvent(onEvent);
  const starting = useEffectEvent(() => onStart?.());
  const key = input === undefined ? undefined : JSON.stringify(input);
  useEffect(() => {
    setError(undefined);
    if (key === undefined) return;
    const abort = new AbortController();
    const asked = JSON.parse(key) as CallInput<Name>;
    const follow = async () => {
      while (!abort.signal.aborted) {
        const api = await daemonClient();
        if (abort.signal.aborted) return;
        starting();
        try {
          await api.subscribe(name, asked, {
            signal: abort.signal,
            onEvent: (event) => {
              if (!abort.signal.aborted) handle(event);
            },
          });
          return;
        } catch (thrown) {
          if (abort.signal.aborted) return;
          const failure = AppError.from(thrown);
          if (failure.code === 'daemon.lost') await api.closed;
          else if (failure.code !== 'subscription.lagging') {
            setError(failure.toData());
            return;
          }
        }
      }
    };
    void follow();
    return () => abort.abort();
  }, [name, key, attempt]);
  return { error, retry };
}
