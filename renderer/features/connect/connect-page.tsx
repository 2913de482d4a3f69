import { useEffect, useRef } from 'react';
import { useAnswer } from '../../api/use-call.ts';
import { disconnect, inBackground } from '../../domain/connection-actions.ts';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Page } from '../../ui/page.tsx';
import { changeDraft, useConnectDraft } from './connect-draft.ts';
import { ConnectForm } from './connect-form.tsx';
import { ConnectProgress } from './connect-progress.tsx';
import { cancelConnect, forgetRun, startConnect, useConnectRun } from './connect-run.ts';
import { ConnectionActions, ConnectionOverview } from './connection-overview.tsx';
import { ContextList } from './context-list.tsx';
import { Recents } from './recents.tsx';

const words = texts.connect;

/** Off: where to connect to. Connecting: its steps. On: the connection. */
export function ConnectPage() {
  const connection = useCurrentConnection();
  const run = useConnectRun((state) => state.run);
  const place = useView((view) => view.place);
  const change = place?.page === 'connect' ? place.change : undefined;
  const title = texts.shell.pages.connect;
  useEffect(() => {
    if (change !== undefined) changeDraft(change);
  }, [change]);
  // Who comes here again, by a remedy of the failure or by the rail, wants to choose.
  const arrivedAt = useRef(place);
  useEffect(() => {
    if (arrivedAt.current === place) return;
    arrivedAt.current = place;
    if (useConnectRun.getState().run?.state === 'failed') forgetRun();
  }, [place]);
  if (run !== undefined) {
    return (
      <Page title={title}>
        <ConnectProgress
          place={run.place}
          stage={run.stage}
          timesMs={run.timesMs}
          error={run.error}
          {...(run.state === 'running'
            ? { onCancel: cancelConnect }
            : { onRetry: () => void startConnect(run.request, run.place), onBack: forgetRun })}
        />
      </Page>
    );
  }
  if (connection !== undefined && isLive(connection)) {
    return (
      <Page
        title={title}
        detail={`${connection.context} · ${connection.namespace}`}
        actions={<ConnectionActions connection={connection} />}
      >
        <ConnectionOverview connection={connection} />
      </Page>
    );
  }
  if (connection?.state.kind === 'connecting') {
    return (
      <Page title={title}>
        <ConnectProgress
          place={`${connection.context} · ${connection.namespace}`}
          stage={connection.state.stage}
          timesMs={connection.stageTimesMs}
          onCancel={() => inBackground(disconnect(connection))}
        />
      </Page>
    );
  }
  return (
    <Page title={title} detail={words.chooseTitle}>
      <Choice />
    </Page>
  );
}

function Choice() {
  const contexts = useAnswer('listContexts', { kubeFlags: {} });
  const wanted = useConnectDraft((draft) => draft.context);
  const all = contexts.output?.contexts ?? [];
  const chosen = all.find(({ name }) => name === wanted) ?? all.find(({ current }) => current) ?? all[0];
  return (
    <div className="connect-choice">
      <div>
        <Recents />
        <ContextList contexts={contexts} chosen={chosen?.name} />
      </div>
      {chosen !== undefined && (
        <div>
          <ConnectForm key={chosen.name} context={chosen} />
        </div>
      )}
    </div>
  );
}
