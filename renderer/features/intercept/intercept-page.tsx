import { Button } from '@mantine/core';
import { useEffect } from 'react';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { forgetInterceptLink, openPlace, useView } from '../../stores/view.ts';
import { useWorkloads } from '../../stores/workloads.ts';
import { texts } from '../../texts/en.ts';
import { Empty, Loading, Page } from '../../ui/page.tsx';
import { type Step, StepList } from '../../ui/step-list.tsx';
import { chooseWorkload } from './intercept-draft.ts';
import { LinkNotice, useInterceptLink } from './intercept-link.tsx';
import { cancelIntercept, forgetRun, type InterceptRun, useInterceptRun } from './intercept-run.ts';
import { Wizard } from './wizard.tsx';

const words = texts.intercept;

/** From a workload to a running intercept. */
export function InterceptPage() {
  const run = useInterceptRun((state) => state.run);
  const wanted = useView(({ place }) => (place?.page === 'intercept' ? place.workload : undefined));
  useEffect(() => {
    if (wanted === undefined) return;
    forgetInterceptLink();
    chooseWorkload(wanted);
  }, [wanted]);
  useInterceptLink();
  return <Page title={words.title}>{run === undefined ? <Start /> : <Running run={run} />}</Page>;
}

function Start() {
  const connection = useCurrentConnection();
  const { isLoaded, error, rows, retry } = useWorkloads();
  if (connection?.state.kind === 'connecting') {
    return <Loading label={words.connecting(texts.shell.stages[connection.state.stage])} />;
  }
  if (connection === undefined || !isLive(connection)) {
    return (
      <Empty title={words.offTitle} actions={<Button onClick={() => openPlace({ page: 'connect' })}>{words.connect}</Button>}>
        {words.offDetail}
      </Empty>
    );
  }
  if (error !== undefined) {
    return <ErrorNotice title={texts.workloads.failed} error={error} onRetry={retry} />;
  }
  if (!isLoaded) return <Loading label={words.loading} />;
  return (
    <>
      <LinkNotice connection={connection} />
      {rows.size === 0 ? <Empty title={words.emptyTitle}>{words.emptyDetail}</Empty> : <Wizard connection={connection} />}
    </>
  );
}

function Running({ run: { name, stages, state, error } }: { readonly run: InterceptRun }) {
  const steps = stages.map((label, index): Step => {
    const isLast = index === stages.length - 1;
    return { id: `${index} ${label}`, label, state: !isLast ? 'done' : state === 'failed' ? 'failed' : 'running' };
  });
  return (
    <div className="ui-stack intercept-wizard">
      <h2>{state === 'failed' ? words.failed(name) : words.running(name)}</h2>
      <div className="ui-card" aria-live="polite">
        <StepList steps={steps} label={words.runningSteps} words={texts.shell.stepWords} />
      </div>
      {error !== undefined && <ErrorNotice error={error} />}
      {state === 'failed' && <p className="tp-dim">{words.failedHint}</p>}
      <div className="ui-row">
        {state === 'failed' ? (
          <Button onClick={forgetRun}>{words.change}</Button>
        ) : (
          <Button variant="default" onClick={cancelIntercept}>
            {words.cancel}
          </Button>
        )}
      </div>
    </div>
  );
}
