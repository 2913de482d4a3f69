import { Button } from '@mantine/core';
import { useState } from 'react';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { installCommand } from '../../domain/command-line.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { showDone } from '../../stores/messages.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { State } from '../../ui/shape.tsx';

const words = texts.onboarding;

/** Installs the traffic-manager, or hands what an administrator needs for that. */
export function InstallManager({
  context,
  mayInstall,
  onInstalled,
}: {
  readonly context: string;
  readonly mayInstall: boolean;
  readonly onInstalled: () => void;
}) {
  const [stage, setStage] = useState('');
  const install = useAction(async () => {
    setStage('');
    const { version } = await callDaemon('install', installInput(context, false), { onEvent: (event) => setStage(event.stage) });
    showDone(texts.connect.installed(version));
    onInstalled();
  });
  const write = useAction(async () => {
    const { manifest } = await callDaemon('install', installInput(context, true));
    await navigator.clipboard.writeText(manifest);
  });
  const message = useAction(async () => {
    const { namespace } = await callDaemon('install', installInput(context, true));
    await navigator.clipboard.writeText(words.message(context, namespace, command));
  });
  const command = installCommand(context, undefined);
  const failure = write.error ?? message.error;
  return (
    <div className="ui-stack">
      <State shape="triangle" tone="warn">
        {words.managerNone}
      </State>
      {mayInstall && (
        <div className="ui-row">
          <Button loading={install.isRunning} onClick={() => void install.run()}>
            {words.install}
          </Button>
          <span role="status" className="tp-dim tp-cut">
            {install.isRunning && (stage === '' ? words.installing : stage)}
          </span>
        </div>
      )}
      {install.error !== undefined && <ErrorNotice title={words.installFailed} error={install.error} />}
      <section aria-label={words.adminTitle} className="ui-stack">
        {mayInstall ? <p className="tp-dim">{words.adminTitle}</p> : <p>{words.mayNotInstall}</p>}
        <div className="ui-row">
          <span className="ui-command">
            <code>{command}</code>
            <CopyButton text={command} label={texts.shell.copyCommand(command)} />
          </span>
          <Button
            variant="default"
            loading={message.isRunning}
            onClick={() => void message.run().then((isDone) => isDone && showDone(words.copied))}
          >
            {words.copyMessage}
          </Button>
          <Button
            variant="default"
            loading={write.isRunning}
            onClick={() => void write.run().then((isDone) => isDone && showDone(words.copied))}
          >
            {words.copyManifest}
          </Button>
        </div>
        {failure !== undefined && <ErrorNotice title={words.manifestFailed} error={failure} />}
      </section>
    </div>
  );
}

function installInput(context: string, dryRun: boolean): CallInput<'install'> {
  return { kubeFlags: { context }, action: 'install', values: [], createNamespace: true, dryRun };
}
