import type { Http2Session } from 'node:http2';

/** Together they bound how long a peer that vanished without a word is taken to be there: 10 s. */
const pingEveryMs = 5_000;
const pingTimeoutMs = 5_000;

export interface KeepAliveTiming {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

const kept = new WeakSet<Http2Session>();

/** Ends the HTTP/2 connection when its peer no longer answers pings, and with it everything that waits on it. */
export function keepAlive(
  session: Http2Session,
  timing: KeepAliveTiming = { everyMs: pingEveryMs, timeoutMs: pingTimeoutMs },
): void {
  if (kept.has(session) || session.destroyed) return;
  kept.add(session);
  let deadline: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if (deadline !== undefined || session.destroyed) return;
    deadline = setTimeout(() => session.destroy(), timing.timeoutMs);
    try {
      session.ping(() => {
        clearTimeout(deadline);
        deadline = undefined;
      });
    } catch {
      // It ends already; its streams say so.
    }
  }, timing.everyMs);
  timer.unref();
  session.once('close', () => {
    clearInterval(timer);
    clearTimeout(deadline);
  });
}
