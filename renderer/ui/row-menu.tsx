import { Menu } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { IconButton } from './icon-button.tsx';

/**
 * The menu of a row of a long table: a plain button until it is used, for most never are, and a menu takes longer to make than the rest of its
 * row. `children` makes what is in it.
 */
export function RowMenu({
  label,
  icon,
  children,
}: {
  readonly label: string;
  readonly icon: ReactNode;
  readonly children: () => ReactNode;
}) {
  const [isUsed, setUsed] = useState(false);
  if (isUsed) return <UsedMenu {...{ label, icon, children }} />;
  return (
    <IconButton aria-label={label} aria-haspopup="menu" aria-expanded={false} onClick={() => setUsed(true)}>
      {icon}
    </IconButton>
  );
}

function UsedMenu({ label, icon, children }: Parameters<typeof RowMenu>[0]) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // The focus was on the button in whose place this one is; the menu gives it back when it closes.
    button.current?.focus();
    setOpen(true);
  }, []);
  return (
    <Menu withinPortal opened={isOpen} onChange={setOpen}>
      <Menu.Target>
        <IconButton ref={button} aria-label={label}>
          {icon}
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>{children()}</Menu.Dropdown>
    </Menu>
  );
}
