import { create } from 'zustand';
import type { Terminal } from '#protocol/local-api/model.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { type Mirror, selectDaemon } from '../stores/mirror.ts';
import { openPlace } from '../stores/view.ts';
import { exactly } from './connection-view.ts';

/** Of the screen that a terminal starts with; the page tells its own as soon as it shows it. */
const firstSize = { columns: 100, rows: 30 };

/** The terminal that the page shows; undefined: the latest. */
export const useTerminalChoice = create<{ readonly chosen: string | undefined }>()(() => ({ chosen: undefined }));

/** Where a terminal is to be. */
export interface TerminalTarget {
  /** Name of the connection; undefined: as the daemon has it, an ordinary terminal where there is no connection. */
  readonly connection?: string | undefined;
  readonly engagement?: string;
  /** Instead of the person's shell. */
  readonly command?: readonly string[];
  /** Until its program says more. */
  readonly title?: string;
}

export async function openTerminal({ connection, engagement, command, title }: TerminalTarget): Promise<Terminal> {
  const { terminal } = await callDaemon('openTerminal', {
    ...(connection === undefined ? {} : { use: exactly({ name: connection }) }),
    ...(engagement === undefined ? {} : { engagement }),
    ...(command === undefined ? {} : { command: [...command] }),
    ...(title === undefined ? {} : { title }),
    ...firstSize,
  });
  chooseTerminal(terminal.id);
  return terminal;
}

/** Opens one, and goes to it. */
export async function showNewTerminal(target: TerminalTarget): Promise<void> {
  await openTerminal(target);
  openPlace({ page: 'terminal' });
}

/** Whether this daemon has terminals, and what opens a shell in a pod. */
export function canOpenPodShell(mirror: Mirror): boolean {
  const capabilities = selectDaemon(mirror)?.capabilities ?? [];
  return capabilities.includes('terminal') && capabilities.includes('kubectl');
}

export function chooseTerminal(chosen: string): void {
  useTerminalChoice.setState({ chosen });
}
