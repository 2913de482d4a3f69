import { Button } from '@mantine/core';
import { useState } from 'react';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { isLive } from '../../domain/connection-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { selectConnections, selectDaemon, selectPreferences, useMirror } from '../../stores/mirror.ts';
import { chooseConnection } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { State } from '../../ui/shape.tsx';

const words = texts.onboarding;

/** Connects to the chosen context with the chosen mode. */
export function ConnectLine({ context }: { readonly context: string }) {
  const live = useMirror((mirror) =>
    Object.values(selectConnections(mirror)).find((each) => each.context === context && isLive(each)),
  );
  const hasRootless = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('rootless') === true);
  const mode = useMirror((mirror) => selectPreferences(mirror)?.defaultMode ?? 'host');
  const [stage, setStage] = useState('');
  const connect = useAction(async () => {
    setStage('');
    const { connection } = await callDaemon(
      'connect',
      { kubeFlags: { context }, ...(hasRootless && mode === 'rootless' ? { mode } : {}) },
      { onEvent: (event) => setStage(event.detail ?? event.stage) },
    );
    chooseConnection(connection.name);
  });
  if (live !== undefined) {
    return (
      <State shape="solid" tone="good">
        {words.connected(`${live.context} · ${live.namespace}`)}
      </State>
    );
  }
  return (
    <>
      <div className="ui-row">
        <Button loading={connect.isRunning} onClick={() => void connect.run()}>
          {words.connect}
        </Button>
        <span role="status" className="tp-dim tp-cut">
          {connect.isRunning && (stage === '' ? words.connecting : stage)}
        </span>
      </div>
      {connect.error !== undefined && <ErrorNotice title={words.connectFailed} error={connect.error} />}
    </>
  );
}
