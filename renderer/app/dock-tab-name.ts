import type { LogSource } from '#protocol/local-api/log-api.ts';
import { logSubject } from '../domain/log-subject.ts';
import { selectTerminals, useMirror } from '../stores/mirror.ts';
import type { DockTab } from '../stores/view.ts';
import { texts } from '../texts/en.ts';

/** A terminal is called as its program says; a log as what it is of. */
export function useDockTabName(tab: DockTab): string {
  const title = useMirror((mirror) => (tab.kind === 'terminal' ? selectTerminals(mirror)[tab.terminal]?.title : undefined));
  return tab.kind === 'terminal' ? (title ?? texts.shell.pages.terminal) : logName(tab.source);
}

function logName(source: LogSource): string {
  switch (source.kind) {
    case 'handler':
    case 'agent':
    case 'pod':
      return logSubject(source);
    default:
      return source.kind;
  }
}
