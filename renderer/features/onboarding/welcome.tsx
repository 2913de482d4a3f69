import { Button, Modal } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { callDaemon } from '../../api/daemon-session.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { openPlace } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { ClusterStep } from './cluster-step.tsx';
import { HelperStep } from './helper-step.tsx';
import { TryStep } from './try-step.tsx';
import { WhatStep } from './what-step.tsx';

const words = texts.onboarding;
const steps = ['what', 'helper', 'cluster', 'try'] as const;
type StepName = (typeof steps)[number];

/** The first run: four screens, each of which can be skipped. It comes once, and again when asked for. */
export function Welcome() {
  const [step, setStep] = useState<StepName>('what');
  const heading = useRef<HTMLHeadingElement>(null);
  const index = steps.indexOf(step);
  const finish = () => inBackground(callDaemon('setPreferences', { change: { isWelcomed: true } }));
  const showWorkloads = () => {
    finish();
    openPlace({ page: 'workloads' });
  };
  // Who goes by keyboard, or hears the page, starts at the top of each screen.
  useEffect(() => heading.current?.focus(), [step]);
  return (
    <Modal
      opened
      onClose={finish}
      fullScreen
      withCloseButton={false}
      closeOnEscape={false}
      title={words.title}
      transitionProps={{ duration: 0 }}
      classNames={{ content: 'welcome-content', header: 'welcome-header', body: 'welcome-body', title: 'welcome-brand' }}
    >
      <ol className="welcome-steps" aria-label={words.steps}>
        {steps.map((name, at) => (
          <li
            key={name}
            data-state={at < index ? 'done' : at === index ? 'current' : 'ahead'}
            {...(at === index ? { 'aria-current': 'step' } : {})}
          >
            <span className="tp-number" aria-hidden>
              {at + 1}
            </span>
            {words.titles[name]}
          </li>
        ))}
      </ol>
      <div className="welcome-screen">
        <h2 ref={heading} tabIndex={-1} data-autofocus className="tp-hidden">
          {words.step(index + 1, steps.length, words.titles[step])}
        </h2>
        {step === 'what' && <WhatStep />}
        {step === 'helper' && <HelperStep />}
        {step === 'cluster' && <ClusterStep />}
        {step === 'try' && <TryStep onFinish={showWorkloads} />}
      </div>
      <div className="welcome-foot">
        <Button variant="subtle" onClick={finish}>
          {words.skip}
        </Button>
        <span className="ui-page-actions">
          {index > 0 && (
            <Button variant="default" onClick={() => setStep(steps[index - 1] ?? 'what')}>
              {words.back}
            </Button>
          )}
          {index < steps.length - 1 ? (
            <Button onClick={() => setStep(steps[index + 1] ?? 'try')}>{words.next}</Button>
          ) : (
            <Button onClick={finish}>{words.done}</Button>
          )}
        </span>
      </div>
    </Modal>
  );
}
