import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconChevronDown, IconPlus } from '@tabler/icons-react';
import { useShallow } from 'zustand/react/shallow';
import type { Action } from '../../api/use-call.ts';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import type { TerminalTarget } from '../../domain/open-terminal.ts';
import { selectConnections, selectEngagements, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';

const words = texts.terminal;

/** Opens a terminal in the current connection; the menu has the other connections, and the environments of engagements. */
export function NewTerminal({ open }: { readonly open: Action<readonly [TerminalTarget]> }) {
  const current = useCurrentConnection();
  const connections = useMirror(useShallow((mirror) => Object.values(selectConnections(mirror)).filter(isLive)));
  const engagements = useMirror(
    useShallow((mirror) => Object.values(selectEngagements(mirror)).filter(({ state }) => state.kind === 'active')),
  );
  const others = connections.filter(({ name }) => name !== current?.name);
  const hasMenu = others.length > 0 || engagements.length > 0;
  return (
    <Button.Group>
      <Button
        leftSection={<IconPlus size={14} aria-hidden />}
        loading={open.isRunning}
        onClick={() => void open.run({ connection: isLive(current) ? current?.name : undefined })}
      >
        {words.open}
      </Button>
      {hasMenu && (
        <Menu>
          <Menu.Target>
            <ActionIcon
              variant="filled"
              color="harbor"
              size={30}
              className="terminal-more"
              aria-label={words.moreKinds}
              title={words.moreKinds}
            >
              <IconChevronDown size={14} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {others.map(({ name }) => (
              <Menu.Item key={name} onClick={() => void open.run({ connection: name })}>
                {words.openIn(name)}
              </Menu.Item>
            ))}
            {engagements.map(({ connection, name }) => (
              <Menu.Item key={`${connection}/${name}`} onClick={() => void open.run({ connection, engagement: name })}>
                {words.openWith(name)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </Button.Group>
  );
}
