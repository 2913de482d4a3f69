import { useState } from 'react';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import { useSubscription } from '../api/use-subscription.ts';
import { noTraffic, type TrafficView, withTraffic } from './traffic-list.ts';

/** Requests and connections of a connection's engagements, live. `use` undefined: not now, and what is shown stays. */
export function useTraffic(
  use: string | undefined,
  wanted: { readonly engagement?: string | undefined; readonly bodies: boolean },
): { readonly view: TrafficView; readonly error: ErrorData | undefined; retry(): void } {
  const [view, setView] = useState(noTraffic);
  const { engagement, bodies } = wanted;
  const input = use === undefined ? undefined : { use, bodies, ...(engagement === undefined ? {} : { engagement }) };
  const { error, retry } = useSubscription('watchTraffic', input, (event) => setView((before) => withTraffic(before, event)));
  return { view, error, retry };
}
