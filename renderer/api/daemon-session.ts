import { type ApiClient, type CallOptions, createApiClient } from '#net/rpc/client.ts';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput, CallName, CallOutput } from '#protocol/local-api/local-api.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { mirrorDaemon } from '../stores/mirror.ts';
import type { DaemonChannels } from './daemon-channels.ts';
import { onNextFrame } from './next-frame.ts';

/** A daemon that restarts is back within a second or two; one that is gone must not keep the laptop awake. */
const firstRetryMs = 250;
const maxRetryMs = 4_000;

let client: ApiClient | undefined;
let waiters = Promise.withResolvers<ApiClient>();

/** Keeps a session with the daemon, and the mirror up to date, until the signal aborts. */
export async function keepDaemonSession(channels: DaemonChannels, signal: AbortSignal): Promise<void> {
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    try {
      const api = await createApiClient(await channels.open(signal));
      client = api;
      waiters.resolve(api);
      retryMs = firstRetryMs;
      await mirrorBatched(api, signal);
      throw new AppError({ code: 'daemon.lost', message: 'The connection to the daemon ended' });
    } catch (error) {
      if (signal.aborted) return;
      if (client !== undefined) waiters = Promise.withResolvers<ApiClient>();
      client = undefined;
      mirrorDaemon.lose(AppError.from(error).toData());
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }
}

/**
 * Asks the daemon.
 *
 * @throws AppError the daemon's answer, or `daemon.lost` where there is none.
 */
export async function callDaemon<Name extends CallName>(
  name: Name,
  input: CallInput<Name>,
  options: CallOptions<Name> = {},
): Promise<CallOutput<Name>> {
  if (client === undefined) throw new AppError({ code: 'daemon.lost', message: 'The daemon does not answer' });
  return await client.call(name, input, options);
}

/** The session's client, now or as soon as there is one. */
export function daemonClient(): Promise<ApiClient> {
  return client === undefined ? waiters.promise : Promise.resolve(client);
}

/** However fast changes come, the page draws once a frame. */
async function mirrorBatched(api: ApiClient, signal: AbortSignal): Promise<void> {
  let latest: DaemonState | undefined;
  const draw = onNextFrame(() => {
    if (latest !== undefined) mirrorDaemon.follow(latest);
  });
  try {
    await mirrorState(
      api,
      (state) => {
        latest = state;
        draw.request();
      },
      signal,
    );
  } finally {
    draw.cancel();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      window.removeEventListener('focus', done);
      signal.removeEventListener('abort', done);
      resolve();
    }
    // Who looks at the window wants to know now.
    window.addEventListener('focus', done);
    signal.addEventListener('abort', done);
  });
}
