import { Button } from '@mantine/core';
import { texts } from '../texts/en.ts';
import { Notice } from '../ui/notice.tsx';
import { remedyAction } from './remedy-action.ts';

/** An error as it comes with the daemon's state, where absent members may be there as undefined. */
export interface ShownError {
  readonly message: string;
  readonly reason?: string | undefined;
  readonly remedies?: readonly { readonly label: string; readonly command?: string | undefined }[] | undefined;
}

/** An error of the daemon, as the product shows it everywhere. */
export function ErrorNotice({
  error,
  title,
  actions,
  onRetry,
  severity = 'error',
}: {
  readonly error: ShownError;
  /** What was tried; absent: the error's own message alone. */
  readonly title?: string;
  readonly actions?: React.ReactNode;
  /** Tries the same again, by a button of its own instead of `actions`. */
  readonly onRetry?: () => void;
  readonly severity?: 'error' | 'warning';
}) {
  const reason =
    title === undefined ? error.reason : [error.message, error.reason].filter((part) => part !== undefined).join('. ');
  return (
    <Notice
      severity={severity}
      title={title ?? error.message}
      reason={reason}
      remedies={(error.remedies ?? []).map(({ label, command }) => ({
        label,
        ...(command === undefined ? {} : { command, act: remedyAction(command) }),
      }))}
      actions={
        onRetry === undefined ? (
          actions
        ) : (
          <Button variant="default" onClick={onRetry}>
            {texts.shell.retry}
          </Button>
        )
      }
      copyLabel={texts.shell.copyCommand}
    />
  );
}
