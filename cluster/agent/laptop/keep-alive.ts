import type { Http2Session } from 'node:http2';
import type { KeepAliveTiming } from '#net/mux/mux-connection.ts';

/** Together they bound how long a peer that vanished without a word is taken to be there: 10 s. */
export const standardKeepAlive: KeepAliveTiming = { everyMs: 5_000, timeoutMs: 5_000 };

const kept = new WeakSet<Http2Session>();

/** Ends the HTTP/2 connection when its peer no longer answers pings, and with it everything that waits on it. */
export function keepAlive(session: Http2Session, timing: KeepAliveTiming = standardKeepAlive): void {
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
