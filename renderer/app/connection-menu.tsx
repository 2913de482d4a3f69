import { Menu } from '@mantine/core';
import { useShallow } from 'zustand/react/shallow';
import { clockText } from '#base/common/clock-text.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { connectionCommands } from '../domain/command-line.ts';
import { CommandItems, useCommandUse } from '../domain/command-lines.tsx';
import { disconnect, inBackground, pauseConnection, resumeConnection } from '../domain/connection-actions.ts';
import { connectionShapes } from '../domain/connection-shapes.ts';
import { connectionWord, isLive } from '../domain/connection-view.ts';
import { selectConnections, useMirror } from '../stores/mirror.ts';
import { chooseConnection, openPlace } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { State } from '../ui/shape.tsx';

/** The connection's state in the status bar, and what can be done about it. */
export function ConnectionMenu({ connection }: { readonly connection: Connection | undefined }) {
  const all = useMirror(useShallow((mirror) => Object.values(selectConnections(mirror))));
  const use = useCommandUse(connection);
  const word = connection === undefined ? 'off' : connectionWord(connection);
  return (
    <Menu position="top-start" withinPortal>
      <Menu.Target>
        <button
          type="button"
          className="app-status-item app-status-state"
          data-word={word}
          aria-label={`${texts.shell.connectionMenu}: ${stateText(connection)}`}
        >
          <State {...connectionShapes[word]}>{stateText(connection)}</State>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {all.length > 1 && <Menu.Label>{texts.shell.chooseConnection}</Menu.Label>}
        {all.length > 1 &&
          all.map((each) => (
            <Menu.Item key={each.name} onClick={() => chooseConnection(each.name)}>
              <State {...connectionShapes[connectionWord(each)]}>{each.name}</State>
            </Menu.Item>
          ))}
        {all.length > 1 && <Menu.Divider />}
        {connection === undefined || !isLive(connection) ? (
          <Menu.Item onClick={() => openPlace({ page: 'connect' })}>{texts.shell.connect}</Menu.Item>
        ) : (
          <>
            {connection.state.kind === 'paused' ? (
              <Menu.Item onClick={() => inBackground(resumeConnection(connection))}>{texts.shell.resume}</Menu.Item>
            ) : (
              <>
                <Menu.Item onClick={() => inBackground(pauseConnection(connection, 15))}>{texts.shell.pause15}</Menu.Item>
                <Menu.Item onClick={() => inBackground(pauseConnection(connection, 60))}>{texts.shell.pause60}</Menu.Item>
              </>
            )}
            <Menu.Item onClick={() => inBackground(disconnect(connection))}>{texts.shell.disconnect}</Menu.Item>
            <Menu.Divider />
            <CommandItems commands={connectionCommands(connection, use)} />
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function stateText(connection: Connection | undefined): string {
  if (connection === undefined) return texts.shell.states.off;
  const { state } = connection;
  const word = texts.shell.states[connectionWord(connection)];
  if (state.kind === 'connecting') return `${word}: ${texts.shell.stages[state.stage]}`;
  if (state.kind === 'reconnecting') return `${word}: ${texts.shell.reconnecting(state.attempt)}`;
  if (state.kind === 'paused' && state.until !== undefined) return texts.shell.pausedUntil(clockText(state.until));
  return word;
}
