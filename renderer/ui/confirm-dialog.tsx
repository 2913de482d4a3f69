import { Button, Modal } from '@mantine/core';
import type { ReactNode } from 'react';

export interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly title: string;
  /** Name of the button in the corner. */
  readonly closeLabel: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** Asks before something is done that somebody did not ask for in so many words. */
export function ConfirmDialog({ isOpen, title, closeLabel, onClose, children }: ConfirmDialogProps) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={title}
      closeButtonProps={{ 'aria-label': closeLabel }}
      attributes={{ header: { role: 'none' } }}
    >
      {children}
    </Modal>
  );
}

export interface ConfirmActionsProps {
  readonly doLabel: string;
  readonly cancelLabel: string;
  readonly isDisabled?: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** The two ways out. The focus is on the one that does nothing. */
export function ConfirmActions({ doLabel, cancelLabel, isDisabled = false, onConfirm, onClose }: ConfirmActionsProps) {
  return (
    <div className="ui-row">
      <Button
        disabled={isDisabled}
        onClick={() => {
          onConfirm();
          onClose();
        }}
      >
        {doLabel}
      </Button>
      <Button variant="default" data-autofocus onClick={onClose}>
        {cancelLabel}
      </Button>
    </div>
  );
}
