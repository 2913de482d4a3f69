import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonState, StateEvent } from '#protocol/local-api/model.ts';
import type { ApiClient } from './client.ts';

/**
 * Keeps a copy of the daemon's state and calls `onState` with each version of it, which it does not change afterwards. A gap in the
 * revisions or a dropped subscription leads to a new subscription. Ends in order when `signal` aborts.
 *
 * @throws AppError `daemon.lost` where the daemon went away.
 */
export async function mirrorState(api: ApiClient, onState: (state: DaemonState) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const gap = new AbortController();
    let latest: Revision | undefined;
    const onEvent = (event: StateEvent) => {
      if (gap.signal.aborted || signal.aborted) return;
      latest = applyStateEvent(latest, event);
      if (latest === undefined) gap.abort();
      else onState(latest.state);
    };
    try {
      await api.subscribe('watchState', {}, { onEvent, signal: AbortSignal.any([signal, gap.signal]) });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'subscription.lagging') throw error;
    }
  }
}

/** The daemon's state as it is now. */
export async function readState(api: ApiClient): Promise<DaemonState> {
  const enough = new AbortController();
  let found: DaemonState | undefined;
  await mirrorState(
    api,
    (state) => {
      found ??= state;
      enough.abort();
    },
    enough.signal,
  );
  if (found === undefined)
    throw new AppError({ code: 'daemon.lost', message: 'The daemon ended a subscription before its first event' });
  return found;
}

/** A state and its number. */
export interface Revision {
  readonly revision: number;
  readonly state: DaemonState;
}

/** The state after an event; `undefined` where events are missing in between. */
export function applyStateEvent(before: Revision | undefined, event: StateEvent): Revision | undefined {
  if (event.kind === 'snapshot') return { revision: event.revision, state: event.state };
  if (before === undefined || event.revision !== before.revision + 1) return undefined;
  const { [event.id]: _replaced, ...others } = before.state[event.collection] as Readonly<Record<string, unknown>>;
  const collection = event.value === undefined ? others : { ...others, [event.id]: event.value };
  return { revision: event.revision, state: { ...before.state, [event.collection]: collection } };
}
