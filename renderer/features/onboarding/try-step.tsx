import { Button } from '@mantine/core';
import { useState } from 'react';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { selectDaemon, selectPreferences, useMirror } from '../../stores/mirror.ts';
import { chooseConnection } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { type Step, StepList } from '../../ui/step-list.tsx';

const words = texts.onboarding;

/** A cluster to play with, where this laptop has one. */
export function TryStep({ onFinish }: { readonly onFinish: () => void }) {
  const capabilities = useMirror((mirror) => selectDaemon(mirror)?.capabilities);
  const mode = useMirror((mirror) => selectPreferences(mirror)?.defaultMode ?? 'host');
  const [stages, setStages] = useState<readonly string[]>([]);
  const [isOn, setOn] = useState(false);
  const hasSandbox = capabilities?.includes('sandbox') === true;
  const isRootless = capabilities?.includes('rootless') === true && mode === 'rootless';
  const open = useAction(async () => {
    setStages([]);
    const add = (stage: string) => setStages((before) => (before.at(-1) === stage ? before : [...before, stage]));
    const { kubeconfig, context, namespace } = await callDaemon('startSandbox', {}, { onEvent: ({ stage }) => add(stage) });
    const { connection } = await callDaemon(
      'connect',
      { kubeFlags: { kubeconfig, context }, namespace, ...(isRootless ? { mode: 'rootless' } : {}) },
      { onEvent: ({ stage, detail }) => add(detail ?? stage) },
    );
    chooseConnection(connection.name);
    setOn(true);
  });
  const steps = stages.map((label, index): Step => {
    const isLast = index === stages.length - 1;
    return { id: `${index} ${label}`, label, state: !isLast || isOn ? 'done' : open.error === undefined ? 'running' : 'failed' };
  });
  return (
    <>
      <h3 className="welcome-title">{hasSandbox ? words.tryTitle : words.finishTitle}</h3>
      <p className="domain-prose">{hasSandbox ? words.trySandbox : words.tryNoSandbox}</p>
      {hasSandbox && !isOn && (
        <div className="ui-row">
          <Button loading={open.isRunning} onClick={() => void open.run()}>
            {words.sandboxOpen}
          </Button>
        </div>
      )}
      {steps.length > 0 && (
        <div className="ui-card">
          <StepList steps={steps} label={words.sandboxOpening} words={texts.shell.stepWords} />
        </div>
      )}
      {open.error !== undefined && <ErrorNotice title={words.sandboxFailed} error={open.error} />}
      {(isOn || !hasSandbox) && (
        <div className="ui-row" role="status">
          {isOn && <strong>{words.sandboxOn}</strong>}
          <Button variant={isOn ? 'filled' : 'default'} onClick={onFinish}>
            {words.toWorkloads}
          </Button>
        </div>
      )}
    </>
  );
}
