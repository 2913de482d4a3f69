import { Button, Collapse } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useId, useState } from 'react';

/** Fields that few need, below a button that shows and hides them. */
export function Disclosure({
  label,
  isOpenAtFirst = false,
  children,
}: {
  readonly label: string;
  readonly isOpenAtFirst?: boolean;
  readonly children: React.ReactNode;
}) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  const id = useId();
  return (
    <div>
      <Button
        variant="subtle"
        aria-expanded={isOpen}
        aria-controls={id}
        className="ui-disclosure"
        leftSection={isOpen ? <IconChevronDown size={14} aria-hidden /> : <IconChevronRight size={14} aria-hidden />}
        onClick={() => setOpen(!isOpen)}
      >
        {label}
      </Button>
      <Collapse expanded={isOpen} id={id}>
        <div className="ui-stack ui-disclosed">{children}</div>
      </Collapse>
    </div>
  );
}
