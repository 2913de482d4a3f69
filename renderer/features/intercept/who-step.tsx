import { Radio } from '@mantine/core';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { ageText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { State } from '../../ui/shape.tsx';
import { useNow } from '../../ui/use-now.ts';
import { Conflicts } from './conflicts.tsx';
import { useInterceptDraft } from './intercept-draft.ts';
import { type DraftContext, draftRequest } from './intercept-request.ts';
import { usePlan } from './use-plan.ts';

const words = texts.intercept;
const ageEveryMs = 10_000;
/** Any port will do for looking who has the workload's. */
const anyPort = 1;

/** Whose traffic, and who else has it. */
export function WhoStep({ context }: { readonly context: DraftContext }) {
  const draft = useInterceptDraft();
  // What is still to come does not matter for conflicts.
  const request = draftRequest(
    { ...draft, handler: 'port', toPod: [], envFile: '', address: '', laptopPort: draft.laptopPort ?? anyPort },
    context,
  );
  const plan = usePlan(request, context);
  const now = useNow(ageEveryMs);
  const others = (context.row?.workload.interceptedBy ?? []).map(({ owner, since }) =>
    since === undefined ? owner : words.ownerSince(owner, ageText(since, now)),
  );
  return (
    <>
      <Radio.Group value="everyone" aria-label={words.steps.who}>
        <div className="intercept-choices">
          <Radio value="everyone" data-autofocus label={<strong>{words.everyone}</strong>} description={words.everyoneHint} />
        </div>
      </Radio.Group>
      {others.length > 0 && (
        <Notice severity="warning" title={words.others(others.join(', '))} copyLabel={texts.shell.copyCommand} />
      )}
      {plan.isLoading ? (
        <State shape="dots" tone="accent">
          {words.checkingConflicts}
        </State>
      ) : plan.error !== undefined ? (
        <ErrorNotice severity="warning" title={words.conflictsFailed} error={plan.error} />
      ) : (
        plan.output !== undefined && <Conflicts conflicts={plan.output.conflicts} />
      )}
    </>
  );
}
