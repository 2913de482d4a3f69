import { Button } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { Connection } from '#protocol/local-api/model.ts';
import { exactly } from '../../domain/connection-view.ts';
import { texts } from '../../texts/en.ts';
import { ShapeIcon } from '../../ui/shape.tsx';
import { changeDraft, useInterceptDraft, type WizardStep, wizardSteps } from './intercept-draft.ts';
import { draftRequest, hasProblems, stepProblems } from './intercept-request.ts';
import { startIntercept } from './intercept-run.ts';
import { canStart, ReviewStep } from './review-step.tsx';
import { useDraftContext } from './use-draft-context.ts';
import { usePlan } from './use-plan.ts';
import { WhatStep } from './what-step.tsx';
import { WhereStep } from './where-step.tsx';
import { WhoStep } from './who-step.tsx';

const words = texts.intercept;

/** Four steps, any of which can be opened again. Enter goes on; what is wrong is told at its field. */
export function Wizard({ connection }: { readonly connection: Connection }) {
  const draft = useInterceptDraft();
  const context = useDraftContext();
  const { step, tried } = draft;
  const index = wizardSteps.indexOf(step);
  const isReview = step === 'review';
  const request = draftRequest(draft, context);
  const plan = usePlan(isReview ? request : undefined, context);
  const problems = tried.includes(step) ? stepProblems(step, draft, context) : {};
  const heading = useRef<HTMLHeadingElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const shownStep = useRef(step);

  // The next step begins at its heading, for who reads by ear and for who goes on by the tab key.
  useEffect(() => {
    if (shownStep.current === step) return;
    shownStep.current = step;
    heading.current?.focus();
  }, [step]);

  const firstWrong = wizardSteps.find((each) => hasProblems(stepProblems(each, draft, context)));
  const open = (target: WizardStep) => {
    const wrong =
      firstWrong !== undefined && wizardSteps.indexOf(firstWrong) < wizardSteps.indexOf(target) ? firstWrong : undefined;
    if (wrong === undefined) return changeDraft({ step: target });
    changeDraft({ step: wrong, tried: [...new Set([...tried, wrong])] });
    // After the messages are in the page.
    if (wrong === step)
      requestAnimationFrame(() =>
        form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [data-error="true"] input')?.focus(),
      );
  };
  const submit = () => {
    const next = wizardSteps[index + 1];
    if (next !== undefined) return open(next);
    if (request !== undefined && canStart(plan)) void startIntercept(exactly(connection), request);
  };

  return (
    <form
      ref={form}
      className="intercept-wizard"
      aria-label={words.title}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <ol className="intercept-steps" aria-label={words.stepsLabel}>
        {wizardSteps.map((each, number) => {
          const isDone = number < index && !hasProblems(stepProblems(each, draft, context));
          return (
            <li key={each}>
              <button type="button" aria-current={each === step ? 'step' : undefined} onClick={() => open(each)}>
                <span className="tp-hidden">{words.step}</span>
                <span className="intercept-step-number">
                  {isDone ? <ShapeIcon shape="check" tone="good" label={words.stepDone(number + 1)} /> : number + 1}
                </span>
                {words.steps[each]}
              </button>
            </li>
          );
        })}
      </ol>
      <h2 ref={heading} tabIndex={-1}>
        {words.stepTitles[step]}
      </h2>
      <div className="ui-stack intercept-fields">
        {step === 'what' && <WhatStep context={context} problems={problems} />}
        {step === 'who' && <WhoStep context={context} />}
        {step === 'where' && <WhereStep context={context} problems={problems} />}
        {isReview && <ReviewStep plan={plan} />}
      </div>
      <div className="intercept-buttons">
        <Button variant="default" disabled={index === 0} onClick={() => changeDraft({ step: wizardSteps[index - 1] ?? 'what' })}>
          {words.back}
        </Button>
        <Button type="submit" disabled={isReview && !canStart(plan)}>
          {isReview ? words.start : words.next}
        </Button>
      </div>
    </form>
  );
}
