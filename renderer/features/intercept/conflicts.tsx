import { clockText } from '#base/common/clock-text.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { State } from '../../ui/shape.tsx';

const words = texts.intercept;

/** Engagements of others that are in the way, or that there are none. */
export function Conflicts({ conflicts }: { readonly conflicts: CallOutput<'planIntercept'>['conflicts'] }) {
  if (conflicts.length === 0) {
    return (
      <State shape="check" tone="good">
        {words.noConflicts}
      </State>
    );
  }
  return conflicts.map(({ owner, since, port, message }) => (
    <Notice
      key={`${owner} ${port}`}
      severity="error"
      title={message}
      reason={since === undefined ? owner : `${owner}, ${clockText(since)}`}
      copyLabel={texts.shell.copyCommand}
    />
  ));
}
