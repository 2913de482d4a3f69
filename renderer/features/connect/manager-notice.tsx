import { Button } from '@mantine/core';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { installCommand } from '../../domain/command-line.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { showDone } from '../../stores/messages.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { useConnectDraft } from './connect-draft.ts';
import { type Probe, probe } from './probes.ts';

const words = texts.connect;
const copyLabel = texts.shell.copyCommand;
const defaultManagerNamespace = 'ambassador';

/** What stands in the way of connecting to a context, and what can be done: above all, install the traffic-manager. */
export function ManagerNotice({ context, found }: { readonly context: string; readonly found: Probe | undefined }) {
  const chosenNamespace = useConnectDraft((draft) => draft.managerNamespace);
  const install = useAction(async () => {
    const { version } = await callDaemon('install', {
      kubeFlags: { context },
      ...(chosenNamespace === '' ? {} : { managerNamespace: chosenNamespace }),
      action: 'install',
      values: [],
      createNamespace: true,
      dryRun: false,
    });
    showDone(words.installed(version));
    await probe(context, chosenNamespace);
  });
  if (found === undefined || found.state === 'checking') return null;
  if (found.state === 'failed') return <ErrorNotice error={found.error} />;
  const { error, manager, mayInstall, serverVersion } = found.found;
  if (error !== undefined) return <ErrorNotice error={error} severity={serverVersion === undefined ? 'error' : 'warning'} />;
  if (manager.kind === 'not-ready') {
    return <Notice severity="warning" title={words.managerNotReadyTitle} reason={manager.reason} copyLabel={copyLabel} />;
  }
  if (manager.kind !== 'none') return null;
  const namespace = chosenNamespace === '' ? defaultManagerNamespace : chosenNamespace;
  return (
    <>
      <Notice
        severity="warning"
        title={words.managerNoneTitle}
        reason={mayInstall ? words.managerNoneDetail(namespace) : words.managerNoneForbidden}
        remedies={[
          {
            label: mayInstall ? words.commandLine : words.install,
            command: installCommand(context, chosenNamespace === '' ? undefined : chosenNamespace),
          },
        ]}
        actions={
          mayInstall ? (
            <Button loading={install.isRunning} onClick={() => void install.run()}>
              {words.install}
            </Button>
          ) : undefined
        }
        copyLabel={copyLabel}
      />
      {install.error !== undefined && <ErrorNotice title={words.installFailed} error={install.error} />}
    </>
  );
}
