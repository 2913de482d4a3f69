import { create } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { Terminal } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { exactly } from '../../domain/connection-view.ts';
import { actUnlessUndone } from '../../stores/messages.ts';
import { selectTerminals, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';

/** Of the screen that a terminal starts with; the page tells its own as soon as it shows it. */
const firstSize = { columns: 100, rows: 30 };

interface TerminalChoice {
  /** The terminal that the page shows; undefined: the latest. */
  readonly chosen: string | undefined;
  /** Closed unless the person takes it back: not shown any more. */
  readonly closing: ReadonlySet<string>;
}

const useChoice = create<TerminalChoice>()(() => ({ chosen: undefined, closing: new Set() }));

/** Where a terminal is to be. */
export interface TerminalTarget {
  /** Name of the connection; undefined: as the daemon has it, an ordinary terminal where there is no connection. */
  readonly connection?: string | undefined;
  readonly engagement?: string;
}

export async function openTerminal({ connection, engagement }: TerminalTarget): Promise<Terminal> {
  const { terminal } = await callDaemon('openTerminal', {
    ...(connection === undefined ? {} : { use: exactly({ name: connection }) }),
    ...(engagement === undefined ? {} : { engagement }),
    ...firstSize,
  });
  chooseTerminal(terminal.id);
  return terminal;
}

export function chooseTerminal(chosen: string): void {
  useChoice.setState({ chosen });
}

/** Ends its programs, unless that is taken back within five seconds. One whose program has ended goes at once. */
export function closeTerminal({ id, title, exitCode }: Terminal): void {
  const close = () =>
    inBackground(
      callDaemon('closeTerminal', { id }).catch((error: unknown) => {
        markClosing(id, false);
        throw error;
      }),
    );
  markClosing(id, true);
  if (exitCode === undefined) actUnlessUndone(texts.terminal.closing(title), close, () => markClosing(id, false));
  else close();
}

/** Those that are shown, oldest first, and which of them the page shows. */
export function useOpenTerminals(): { readonly terminals: readonly Terminal[]; readonly chosen: Terminal | undefined } {
  const { chosen, closing } = useChoice();
  const terminals = useMirror(
    useShallow((mirror) =>
      Object.values(selectTerminals(mirror))
        .filter(({ id }) => !closing.has(id))
        .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id)),
    ),
  );
  return { terminals, chosen: terminals.find(({ id }) => id === chosen) ?? terminals.at(-1) };
}

function markClosing(id: string, isClosing: boolean): void {
  useChoice.setState(({ closing }) => {
    const next = new Set(closing);
    if (isClosing) next.add(id);
    else next.delete(id);
    return { closing: next };
  });
}
