import type { CallEvent, CallInput, CallName, CallOutput } from '#protocol/local-api/local-api.ts';

/** What a handler may do while its call runs. */
export interface CallContext<Name extends CallName> {
  /** Sends an event to the caller. Does nothing once the call has ended. */
  emit(event: CallEvent<Name>): void;
  /** Aborts when the caller cancels, or goes away where the call does not survive that. */
  readonly signal: AbortSignal;
}

/** Serves one call: what it resolves to is the output, what it throws is the error. */
export type Handler<Name extends CallName> = (input: CallInput<Name>, context: CallContext<Name>) => Promise<CallOutput<Name>>;

/** One handler for each call of the local API. */
export type Handlers = { readonly [Name in CallName]: Handler<Name> };

/** Resolves when the signal aborts: the body of a subscription that only pushes. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
