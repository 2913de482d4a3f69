import { exactly } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import type { DockTab } from '../../stores/view.ts';
import { LogViewer } from './log-viewer.tsx';

/** A log in the docked panel. */
export function LogPanel({ tab }: { readonly tab: DockTab; readonly isShown: boolean }) {
  const connection = useCurrentConnection();
  if (tab.kind !== 'log') return null;
  return <LogViewer use={connection === undefined ? undefined : exactly(connection)} source={tab.source} isInPanel />;
}
