import { openPlace } from '../stores/view.ts';

/** What the window itself can do where a remedy names a command line; undefined: the person takes the command to a shell. */
export function remedyAction(command: string): (() => void) | undefined {
  if (/^telepresence (connect|helm install)$/.test(command)) return () => openPlace({ page: 'connect' });
  if (/^telepresence doctor\b/.test(command)) return () => openPlace({ page: 'diagnose' });
  if (/^telepresence (list|status)\b/.test(command)) return () => openPlace({ page: 'workloads' });
  return undefined;
}
