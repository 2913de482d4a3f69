import { Button, Select } from '@mantine/core';
import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { type Answer, useAnswer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { Loading } from '../../ui/page.tsx';
import { State } from '../../ui/shape.tsx';
import { ConnectLine } from './connect-line.tsx';
import { InstallManager } from './install-manager.tsx';

const words = texts.onboarding;

/** A cluster, how it looks from here, and the traffic-manager in it. */
export function ClusterStep() {
  const contexts = useAnswer('listContexts', { kubeFlags: {} });
  const [wanted, setWanted] = useState<string>();
  const all = contexts.output?.contexts ?? [];
  const chosen = all.find(({ name }) => name === wanted) ?? all.find(({ current }) => current) ?? all[0];
  const found = useAnswer('probeContext', chosen === undefined ? undefined : { kubeFlags: { context: chosen.name } });
  return (
    <>
      <h3 className="welcome-title">{words.clusterTitle}</h3>
      {contexts.error !== undefined && (
        <ErrorNotice
          title={words.contextsFailed}
          error={contexts.error}
          actions={
            <Button variant="default" onClick={contexts.again}>
              {texts.shell.retry}
            </Button>
          }
        />
      )}
      {contexts.output === undefined && contexts.isLoading && <Loading label={words.contextsLoading} rows={3} />}
      {contexts.output !== undefined && chosen === undefined && <p>{words.contextsEmpty}</p>}
      {chosen !== undefined && (
        <>
          <Select
            label={words.context}
            description={chosen.server}
            data={all.map(({ name }) => name)}
            value={chosen.name}
            allowDeselect={false}
            searchable={all.length > 8}
            onChange={(name) => setWanted(name ?? undefined)}
          />
          <Look key={chosen.name} context={chosen.name} found={found} />
          <p className="tp-dim">{words.noContext}</p>
        </>
      )}
    </>
  );
}

function Look({ context, found }: { readonly context: string; readonly found: Answer<'probeContext'> }) {
  const { output, error, isLoading, again } = found;
  const button = (
    <Button variant="default" loading={isLoading} onClick={again}>
      {words.checkAgain}
    </Button>
  );
  if (error !== undefined) return <ErrorNotice error={error} actions={button} />;
  // What was said of another context is not said of this one.
  if (output === undefined || output.context !== context) {
    return (
      <div className="ui-card welcome-look" role="status">
        <State shape="dots" tone="accent">
          {words.checking}
        </State>
      </div>
    );
  }
  if (output.serverVersion === undefined) {
    return output.error === undefined ? (
      <div className="ui-row">
        <State shape="triangle" tone="bad">
          {words.unreachable}
        </State>
        {button}
      </div>
    ) : (
      <ErrorNotice title={words.unreachable} error={output.error} actions={button} />
    );
  }
  return (
    <div className="ui-card ui-stack welcome-look" role="status">
      <div className="ui-row">
        <State shape="check" tone="good">
          {words.reachable(output.serverVersion)}
        </State>
        <span className="ui-page-actions">{button}</span>
      </div>
      <Manager output={output} onChanged={again} />
    </div>
  );
}

function Manager({ output, onChanged }: { readonly output: CallOutput<'probeContext'>; readonly onChanged: () => void }) {
  const { manager, context } = output;
  switch (manager.kind) {
    case 'ready':
      return (
        <>
          <State shape="check" tone="good">
            {words.managerReady(manager.version, manager.namespace)}
          </State>
          <ConnectLine context={context} />
        </>
      );
    case 'not-ready':
      return (
        <div>
          <State shape="triangle" tone="warn">
            {words.managerNotReady}
          </State>
          <p className="tp-dim">{manager.reason}</p>
        </div>
      );
    case 'none':
      return <InstallManager context={context} mayInstall={output.mayInstall} onInstalled={onChanged} />;
    default:
      return (
        <>
          <State shape="half" tone="warn">
            {words.managerUnknown}
          </State>
          <ConnectLine context={context} />
        </>
      );
  }
}
