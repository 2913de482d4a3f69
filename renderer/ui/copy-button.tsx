import { ActionIcon, Button } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';

/** Copies a text; `children` make it a button with a word. */
export function CopyButton({
  text,
  label,
  children,
}: {
  readonly text: string | (() => Promise<string>);
  readonly label: string;
  readonly children?: React.ReactNode;
}) {
  const clipboard = useClipboard({ timeout: 1_500 });
  const copy = async () => clipboard.copy(typeof text === 'string' ? text : await text());
  const icon = clipboard.copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />;
  if (children === undefined) {
    return (
      <ActionIcon size={24} aria-label={label} title={label} onClick={() => void copy()}>
        {icon}
      </ActionIcon>
    );
  }
  return (
    <Button variant="default" leftSection={icon} aria-label={label} onClick={() => void copy()}>
      {children}
    </Button>
  );
}
