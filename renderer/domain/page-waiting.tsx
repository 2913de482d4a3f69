import { Loading, Page } from '../ui/page.tsx';
import { ErrorNotice, type ShownError } from './error-notice.tsx';

/** A page whose content is on its way, or did not come. */
export function PageWaiting({
  title,
  words,
  error,
  onRetry,
}: {
  readonly title: string;
  readonly words: { readonly loading: string; readonly failed: string };
  readonly error: ShownError | undefined;
  readonly onRetry: () => void;
}) {
  return (
    <Page title={title}>
      {error === undefined ? (
        <Loading label={words.loading} rows={10} />
      ) : (
        <ErrorNotice title={words.failed} error={error} onRetry={onRetry} />
      )}
    </Page>
  );
}
