import { create } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { Terminal } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { useTerminalChoice } from '../../domain/open-terminal.ts';
import { actUnlessUndone } from '../../stores/messages.ts';
import { selectTerminals, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';

/** Closed unless the person takes it back: not shown any more. */
const useClosing = create<{ readonly closing: ReadonlySet<string> }>()(() => ({ closing: new Set() }));

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
  const { closing } = useClosing();
  const { chosen } = useTerminalChoice();
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
  useClosing.setState(({ closing }) => {
    const next = new Set(closing);
    if (isClosing) next.add(id);
    else next.delete(id);
    return { closing: next };
  });
}
