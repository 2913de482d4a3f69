import { callApp, useBridge } from '../api/app-bridge.ts';
import { inBackground } from './connection-actions.ts';

/** Opens a page in the person's browser. A page that was opened from here knows nothing of this one. */
export function openLink(url: string): void {
  if (!/^https?:\/\//.test(url)) return;
  if (useBridge.getState().port === undefined) window.open(url, '_blank', 'noopener,noreferrer');
  else inBackground(callApp('openExternal', { url }));
}
