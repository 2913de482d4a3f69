import { ActionIcon, Menu, TextInput } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowUp,
  IconClipboard,
  IconCopy,
  IconDots,
  IconLayoutBottombar,
  IconSearch,
  IconX,
} from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { Terminal } from '#protocol/local-api/model.ts';
import { connectionShapes } from '../../domain/connection-shapes.ts';
import { connectionWord } from '../../domain/connection-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { showDone } from '../../stores/messages.ts';
import { selectConnections, useMirror } from '../../stores/mirror.ts';
import { openDockTab } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { State } from '../../ui/shape.tsx';
import { changeFontSize, setScreenReader, useTerminalPrefs } from './terminal-prefs.ts';
import { useScreen } from './use-screen.ts';

const words = texts.terminal;

/** One terminal: whose network it is in, its screen, and what can be done with it. `onLeave`: moves the focus out of it. */
export function TerminalView({
  terminal,
  isShown,
  onLeave,
  isInPanel = false,
}: {
  readonly terminal: Terminal;
  readonly isShown: boolean;
  readonly onLeave: () => void;
  readonly isInPanel?: boolean;
}) {
  const element = useRef<HTMLDivElement>(null);
  const [search, setSearch] = useState<string>();
  const [matches, setMatches] = useState<{ readonly index: number; readonly count: number }>();
  const { screen, isAttached, error, retry } = useScreen(terminal.id, element, {
    onKey(event) {
      if (event.ctrlKey && event.key === 'F6') onLeave();
      else if (event.ctrlKey && event.shiftKey && event.code === 'KeyF') setSearch((text) => text ?? '');
      else if (event.ctrlKey && event.shiftKey && event.code === 'KeyC') copy();
      // The browser pastes by itself, without asking for a permission.
      else if (event.ctrlKey && event.shiftKey && event.code === 'KeyV') return true;
      else return false;
      event.preventDefault();
      return true;
    },
    onMatches: (index, count) => setMatches({ index, count }),
  });

  const copy = () => {
    const selection = screen.current?.terminal.getSelection() ?? '';
    if (selection === '') showDone(words.nothingSelected);
    else void navigator.clipboard.writeText(selection);
    screen.current?.terminal.focus();
  };
  const paste = async () => {
    try {
      screen.current?.terminal.paste(await navigator.clipboard.readText());
    } catch {
      showDone(words.pasteRefused);
    }
    screen.current?.terminal.focus();
  };
  const endSearch = () => {
    screen.current?.endSearch();
    setSearch(undefined);
    setMatches(undefined);
    screen.current?.terminal.focus();
  };

  useEffect(() => {
    if (isShown) screen.current?.terminal.focus();
  }, [isShown, screen]);

  return (
    <section className="terminal-view" aria-label={words.screen(terminal.title)}>
      <div className="terminal-bar">
        <ConnectionBadge terminal={terminal} />
        <span className="tp-dim tp-cut terminal-directory">{terminal.directory}</span>
        {terminal.exitCode !== undefined && (
          <span role="status" className="terminal-badge" title={words.exitedHint}>
            <State shape={terminal.exitCode === 0 ? 'check' : 'cross'} tone={terminal.exitCode === 0 ? 'good' : 'bad'}>
              {words.exited(terminal.exitCode)}
            </State>
          </span>
        )}
        <span className="ui-page-actions">
          <ActionIcon
            aria-label={words.search}
            title={`${words.search} (Ctrl+Shift+F)`}
            aria-expanded={search !== undefined}
            onClick={() => setSearch((text) => text ?? '')}
          >
            <IconSearch size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon aria-label={words.copy} title={`${words.copy} (Ctrl+Shift+C)`} onClick={copy}>
            <IconCopy size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon aria-label={words.paste} title={`${words.paste} (Ctrl+Shift+V)`} onClick={() => void paste()}>
            <IconClipboard size={16} aria-hidden />
          </ActionIcon>
          {!isInPanel && (
            <ActionIcon
              aria-label={words.openInPanel}
              title={words.openInPanel}
              onClick={() => openDockTab({ kind: 'terminal', id: `terminal ${terminal.id}`, terminal: terminal.id })}
            >
              <IconLayoutBottombar size={16} aria-hidden />
            </ActionIcon>
          )}
          <ScreenMenu />
        </span>
      </div>
      {search !== undefined && (
        <form
          className="terminal-search"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            screen.current?.findNext(search);
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape') endSearch();
            else if (event.key === 'Enter' && event.shiftKey) {
              event.preventDefault();
              screen.current?.findPrevious(search);
            }
          }}
        >
          <TextInput
            aria-label={words.searchLabel}
            ref={focusField}
            value={search}
            onChange={({ currentTarget: { value } }) => {
              setSearch(value);
              if (value === '') setMatches(undefined);
              screen.current?.find(value);
            }}
          />
          <span className="tp-dim tp-number terminal-matches" role="status">
            {search !== '' &&
              matches !== undefined &&
              (matches.index < 0 && matches.count > 0
                ? words.manyMatches(matches.count)
                : words.matches(matches.index, matches.count))}
          </span>
          <ActionIcon
            aria-label={words.searchPrevious}
            title={words.searchPrevious}
            onClick={() => screen.current?.findPrevious(search)}
          >
            <IconArrowUp size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon type="submit" aria-label={words.searchNext} title={words.searchNext}>
            <IconArrowDown size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon aria-label={words.searchClose} title={words.searchClose} onClick={endSearch}>
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </form>
      )}
      {error !== undefined && <ErrorNotice title={words.attachFailed} error={error} onRetry={retry} />}
      <div ref={element} className="terminal-screen" aria-busy={!isAttached} data-state={isAttached ? 'attached' : 'attaching'} />
    </section>
  );
}

/** Who asks for the search wants to type. */
function focusField(field: HTMLInputElement | null): void {
  field?.focus();
}

/** In whose network its programs are. */
function ConnectionBadge({ terminal }: { readonly terminal: Terminal }) {
  const { connection: name, engagement } = terminal;
  const connection = useMirror((mirror) => (name === undefined ? undefined : selectConnections(mirror)[name]));
  if (name === undefined) {
    return (
      <State shape="hollow" tone="dim">
        {words.notConnected}
      </State>
    );
  }
  const { shape, tone } =
    connection === undefined ? ({ shape: 'triangle', tone: 'warn' } as const) : connectionShapes[connectionWord(connection)];
  return (
    <span
      className="terminal-badge"
      title={connection === undefined ? words.gone : texts.shell.states[connectionWord(connection)]}
    >
      <State shape={shape} tone={tone}>
        {connection === undefined ? `${name}: ${words.gone}` : `${connection.context} · ${connection.namespace}`}
        {connection !== undefined && <span className="tp-hidden">, {texts.shell.states[connectionWord(connection)]}</span>}
      </State>
      {engagement !== undefined && (
        <span className="tp-cut">
          <span className="tp-dim">{words.engagement}</span> {engagement}
        </span>
      )}
    </span>
  );
}

function ScreenMenu() {
  const isForScreenReader = useTerminalPrefs((prefs) => prefs.isForScreenReader);
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={words.moreActions} title={words.moreActions}>
          <IconDots size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item closeMenuOnClick={false} onClick={() => changeFontSize(1)}>
          {words.larger}
        </Menu.Item>
        <Menu.Item closeMenuOnClick={false} onClick={() => changeFontSize(-1)}>
          {words.smaller}
        </Menu.Item>
        <Menu.CheckboxItem checked={isForScreenReader} onChange={setScreenReader}>
          {words.screenReader}
        </Menu.CheckboxItem>
        <Menu.Divider />
        <Menu.Label>{words.leaveHint}</Menu.Label>
      </Menu.Dropdown>
    </Menu>
  );
}
