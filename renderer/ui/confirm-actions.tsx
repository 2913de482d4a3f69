import { Button } from '@mantine/core';

export interface ConfirmActionsProps {
  readonly doLabel: string;
  readonly cancelLabel: string;
  readonly isDisabled?: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** The two ways out of a dialog that asks. The focus is on the one that does nothing. */
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
