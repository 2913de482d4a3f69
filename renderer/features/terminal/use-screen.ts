import { type RefObject, useCallback, useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from 'react';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useSubscription } from '../../api/use-subscription.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { openLink } from '../../domain/open-link.ts';
import { countDrawn } from './drawn-characters.ts';
import { createScreen, type Screen, type ScreenSize } from './screen.ts';
import { useTerminalPrefs } from './terminal-prefs.ts';

/** Dragging an edge must not redraw full-screen programs at every pixel. */
const resizeDelayMs = 80;

export interface AttachedScreen {
  readonly screen: RefObject<Screen | undefined>;
  /** Whether what is on the screen has come. */
  readonly isAttached: boolean;
  readonly error: ErrorData | undefined;
  retry(): void;
}

/** A terminal of the daemon, drawn in `element` as long as the component is there. */
export function useScreen(
  id: string,
  element: RefObject<HTMLElement | null>,
  handlers: { onKey(event: KeyboardEvent): boolean; onMatches(index: number, count: number): void },
): AttachedScreen {
  const { fontSize, isForScreenReader } = useTerminalPrefs();
  const screen = useRef<Screen>(undefined);
  const attachment = useRef<string>(undefined);
  /** Of the program's terminal, as the daemon said or was told. */
  const size = useRef<ScreenSize>(undefined);
  const [attachedTo, setAttachedTo] = useState<string>();
  const onKey = useEffectEvent(handlers.onKey);
  const onMatches = useEffectEvent(handlers.onMatches);
  const [drawn] = useState(() =>
    countDrawn((characters) => {
      const { current } = attachment;
      if (current !== undefined) acknowledge(id, current, characters);
    }),
  );

  /** The window that was looked at or typed into last decides. */
  const fit = useCallback(() => {
    const wanted = screen.current?.fittingSize();
    const { current } = size;
    if (wanted === undefined || current === undefined) return;
    if (wanted.columns === current.columns && wanted.rows === current.rows) return;
    size.current = wanted;
    // A terminal that has just ended cannot be resized, and need not be.
    callDaemon('resizeTerminal', { id, ...wanted }).catch(() => undefined);
  }, [id]);

  useLayoutEffect(() => {
    const { current: place } = element;
    if (place === null) return;
    // Those of later are followed below: a screen is made once.
    const prefs = useTerminalPrefs.getState();
    const created = createScreen(place, {
      fontSize: prefs.fontSize,
      isForScreenReader: prefs.isForScreenReader,
      onInput: (data) => inBackground(callDaemon('writeTerminal', { id, data })),
      onLink: openLink,
      onKey: (event) => onKey(event),
      onMatches: (index, count) => onMatches(index, count),
    });
    screen.current = created;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(fit, resizeDelayMs);
    };
    const observer = new ResizeObserver(later);
    observer.observe(place);
    place.addEventListener('focusin', later);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      place.removeEventListener('focusin', later);
      screen.current = undefined;
      created.dispose();
    };
  }, [id, element, fit]);

  useEffect(() => {
    screen.current?.setFontSize(fontSize);
    fit();
  }, [fontSize, fit]);
  useEffect(() => screen.current?.setScreenReader(isForScreenReader), [isForScreenReader]);

  const { error, retry } = useSubscription('attachTerminal', { id }, (event: CallEvent<'attachTerminal'>) => {
    const terminal = screen.current?.terminal;
    if (terminal === undefined) return;
    switch (event.kind) {
      case 'screen':
        attachment.current = event.attachment;
        drawn.reset();
        terminal.reset();
        size.current = { columns: event.columns, rows: event.rows };
        terminal.resize(event.columns, event.rows);
        terminal.write(event.data, () => {
          setAttachedTo(id);
          fit();
        });
        return;
      case 'data':
        terminal.write(event.data, () => drawn.add(event.data.length));
        return;
      case 'size':
        size.current = { columns: event.columns, rows: event.rows };
        // What was printed before is meant for the former size.
        terminal.write('', () => terminal.resize(event.columns, event.rows));
        return;
      case 'exit':
        terminal.write('\u001b[?25l');
    }
  });
  return { screen, isAttached: attachedTo === id, error, retry };
}

function acknowledge(id: string, attachment: string, characters: number): void {
  // Without a daemon there is nobody who waits for it.
  callDaemon('acknowledgeTerminal', { id, attachment, characters }).catch(() => undefined);
}
