import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import { engagementLog } from '../domain/engagement-view.ts';
import { type Mirror, selectEngagements, useMirror } from '../stores/mirror.ts';
import { chooseConnection, openPlace } from '../stores/view.ts';

/** Goes where main asks the window to go: to an engagement, or to its log, where the page is about one. */
export function openPage({ page, engagement: key }: Extract<AppEvent, { kind: 'show-page' }>): void {
  if (key === undefined || (page !== 'engagements' && page !== 'logs')) return openPlace({ page });
  if (page === 'engagements') return openPlace({ page, engagement: key });
  openPlace({ page });
  whenKnown((mirror) => {
    const [connection = '', name = ''] = key.split('/');
    // Logs are read by the connection that the pages are about.
    chooseConnection(connection);
    const engagement = selectEngagements(mirror)[key];
    openPlace({ page, source: engagement === undefined ? { kind: 'handler', engagement: name } : engagementLog(engagement) });
  });
}

/** A window that was opened for this does not know the state of the daemon yet. */
function whenKnown(act: (mirror: Mirror) => void): void {
  const mirror = useMirror.getState();
  if (mirror.state !== undefined) return act(mirror);
  const stop = useMirror.subscribe((next) => {
    if (next.state === undefined) return;
    stop();
    act(next);
  });
}
