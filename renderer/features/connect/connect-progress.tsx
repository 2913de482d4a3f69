import { Button } from '@mantine/core';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import { type ConnectStage, connectStages } from '#protocol/local-api/model.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { durationText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { Section } from '../../ui/page.tsx';
import { type Step, StepList } from '../../ui/step-list.tsx';

const words = texts.connect;

/** Steps that tick off; of a failed connect the step, its cause, and what to do. */
export function ConnectProgress({
  place,
  stage,
  timesMs,
  error,
  onCancel,
  onRetry,
  onBack,
}: {
  readonly place: string;
  readonly stage: ConnectStage | undefined;
  readonly timesMs: Partial<Readonly<Record<string, number>>>;
  readonly error?: ErrorData | undefined;
  readonly onCancel?: () => void;
  readonly onRetry?: () => void;
  readonly onBack?: () => void;
}) {
  const current = stage === undefined ? -1 : connectStages.indexOf(stage);
  const steps = connectStages.map((id, index): Step => {
    const state = index < current ? 'done' : index > current ? 'waiting' : error === undefined ? 'running' : 'failed';
    const ms = state === 'done' ? timesMs[id] : undefined;
    return { id, label: texts.shell.stages[id], state, detail: ms === undefined ? undefined : durationText(ms) };
  });
  const title =
    error === undefined ? words.progress(place) : stage === undefined ? words.failed : words.failedAt(texts.shell.stages[stage]);
  return (
    <Section title={words.progress(place)}>
      <div className="ui-card ui-stack connect-progress">
        <StepList steps={steps} label={words.stepsLabel} words={texts.shell.stepWords} />
        {error !== undefined && <ErrorNotice title={title} error={error} />}
        <div className="ui-row">
          {onRetry !== undefined && <Button onClick={onRetry}>{texts.shell.retry}</Button>}
          {onBack !== undefined && (
            <Button variant="default" onClick={onBack}>
              {words.back}
            </Button>
          )}
          {onCancel !== undefined && (
            <Button variant="default" onClick={onCancel}>
              {words.cancel}
            </Button>
          )}
        </div>
      </div>
    </Section>
  );
}
