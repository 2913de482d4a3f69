import { useBridge } from '../api/app-bridge.ts';
import { useMirror } from '../stores/mirror.ts';

/** Whether somebody ended the daemon, and none has been started since. */
export function useIsDaemonEnded(): boolean {
  const isLost = useMirror(({ link }) => link === 'lost');
  return useBridge(({ isDaemonEnded }) => isDaemonEnded) && isLost;
}
