import { selectTerminals, useMirror } from '../../stores/mirror.ts';
import { type DockTab, showDock } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Empty } from '../../ui/page.tsx';
import { TerminalView } from './terminal-view.tsx';

/** A terminal in the docked panel. */
export function TerminalPanel({ tab, isShown }: { readonly tab: DockTab; readonly isShown: boolean }) {
  const terminal = useMirror((mirror) => (tab.kind === 'terminal' ? selectTerminals(mirror)[tab.terminal] : undefined));
  if (terminal === undefined) return <Empty title={texts.terminal.closed} />;
  return <TerminalView terminal={terminal} isShown={isShown} onLeave={() => showDock(false)} isInPanel />;
}
