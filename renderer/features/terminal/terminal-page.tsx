import { ActionIcon } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useRef } from 'react';
import type { Terminal } from '#protocol/local-api/model.ts';
import { useAction } from '../../api/use-call.ts';
import { shellCommand } from '../../domain/command-line.ts';
import { CommandMenu, useCommandUse } from '../../domain/command-lines.tsx';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { chooseTerminal, openTerminal } from '../../domain/open-terminal.ts';
import { texts } from '../../texts/en.ts';
import { Empty, Page } from '../../ui/page.tsx';
import { NewTerminal } from './new-terminal.tsx';
import { closeTerminal, useOpenTerminals } from './open-terminals.ts';
import { TerminalView } from './terminal-view.tsx';

const words = texts.terminal;

/** The daemon's terminals, one of them on the page. They go on without it. */
export function TerminalPage() {
  const { terminals, chosen } = useOpenTerminals();
  const connection = useCurrentConnection();
  const use = useCommandUse(connection);
  const isOn = isLive(connection);
  const open = useAction(openTerminal);
  const tabs = useRef<HTMLUListElement>(null);
  const button = (
    <>
      <NewTerminal open={open} />
      {isOn && <CommandMenu commands={[shellCommand(use)]} />}
    </>
  );
  return (
    <Page title={texts.shell.pages.terminal} isFlush actions={terminals.length > 0 && button}>
      {open.error !== undefined && (
        <div className="terminal-notice">
          <ErrorNotice title={words.openFailed} error={open.error} />
        </div>
      )}
      {chosen === undefined ? (
        <Empty title={words.emptyTitle} actions={button}>
          {isOn ? words.emptyOn : words.emptyOff}
        </Empty>
      ) : (
        <>
          <ul className="terminal-tabs" aria-label={words.tabs} ref={tabs}>
            {terminals.map((terminal) => (
              <TerminalTab key={terminal.id} terminal={terminal} isCurrent={terminal.id === chosen.id} />
            ))}
          </ul>
          <TerminalView
            key={chosen.id}
            terminal={chosen}
            isShown
            onLeave={() => tabs.current?.querySelector<HTMLElement>('[aria-current="true"]')?.focus()}
          />
        </>
      )}
    </Page>
  );
}

function TerminalTab({ terminal, isCurrent }: { readonly terminal: Terminal; readonly isCurrent: boolean }) {
  const { id, title, connection, exitCode } = terminal;
  return (
    <li className="terminal-tab" data-current={isCurrent}>
      <button
        type="button"
        aria-current={isCurrent}
        title={connection ?? words.notConnected}
        onClick={() => chooseTerminal(id)}
        onAuxClick={({ button }) => button === 1 && closeTerminal(terminal)}
        onKeyDown={({ key }) => key === 'Delete' && closeTerminal(terminal)}
      >
        <span className="tp-cut">{title}</span>
        {exitCode !== undefined && <span className="tp-dim tp-number"> {exitCode}</span>}
      </button>
      <ActionIcon size={20} aria-label={words.close(title)} title={words.close(title)} onClick={() => closeTerminal(terminal)}>
        <IconX size={13} aria-hidden />
      </ActionIcon>
    </li>
  );
}
