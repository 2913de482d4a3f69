import { ActionIcon, Menu } from '@mantine/core';
import { IconCopy, IconPrompt } from '@tabler/icons-react';
import type { Connection } from '#protocol/local-api/model.ts';
import { selectConnections, useMirror } from '../stores/mirror.ts';
import { texts } from '../texts/en.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { commandUse } from './command-line.ts';
import { copyText } from './copy-text.ts';

/** What names a connection on the command line, as things are now. */
export function useCommandUse(connection: Pick<Connection, 'name'> | undefined): string | undefined {
  return useMirror((mirror) => commandUse(connection, Object.keys(selectConnections(mirror)).length));
}

/** The line that does the same as what stands beside it. */
export function CommandLine({ command }: { readonly command: string }) {
  return (
    <span className="ui-command tp-cut">
      <code className="tp-cut" title={command}>
        {command}
      </code>
      <CopyButton text={command} label={texts.shell.copyCommand(command)} />
    </span>
  );
}

/** The same for what a menu has, each to be copied. */
export function CommandItems({ commands }: { readonly commands: readonly string[] }) {
  return (
    <>
      <Menu.Label>{texts.shell.commandLines}</Menu.Label>
      {commands.map((command) => (
        <Menu.Item
          key={command}
          aria-label={texts.shell.copyCommand(command)}
          leftSection={<IconCopy size={14} aria-hidden />}
          onClick={() => copyText(command)}
        >
          <code>{command}</code>
        </Menu.Item>
      ))}
    </>
  );
}

/** Beside buttons that have no room for their lines. */
export function CommandMenu({ commands }: { readonly commands: readonly string[] }) {
  const label = texts.shell.commandLines;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label={label} title={label}>
          <IconPrompt size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <CommandItems commands={commands} />
      </Menu.Dropdown>
    </Menu>
  );
}
