import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';

export interface DialogProps {
  readonly isOpen: boolean;
  readonly title: string;
  /** Name of the button in the corner. */
  readonly closeLabel: string;
  /** Default `md`. */
  readonly size?: 'md' | 'lg';
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A dialog over the page, with a title and a button in the corner that closes it. */
export function Dialog({ isOpen, title, closeLabel, size = 'md', onClose, children }: DialogProps) {
  return (
    <Modal opened={isOpen} onClose={onClose} title={title} size={size} closeButtonProps={{ 'aria-label': closeLabel }}>
      {children}
    </Modal>
  );
}
