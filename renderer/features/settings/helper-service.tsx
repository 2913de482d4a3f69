import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { AppCallOutput } from '#protocol/app-bridge/app-bridge.ts';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { useAction } from '../../api/use-call.ts';
import { shellLine } from '../../domain/command-line.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Facts, Section } from '../../ui/page.tsx';

const words = texts.helper.service;

/** Makes the helper a service of the system, and ends that, with what it runs and touches shown before. Only the app can do it. */
export function HelperService({ onChange }: { readonly onChange: () => void }) {
  const port = useBridge((bridge) => bridge.port);
  const [found, setFound] = useState<AppCallOutput<'describeHelperService'>>();
  const [error, setError] = useState<ErrorData>();
  const look = async () => {
    try {
      setFound(await callApp('describeHelperService', {}));
      setError(undefined);
    } catch (thrown) {
      setError(AppError.from(thrown).toData());
    }
  };
  useEffect(() => {
    if (port !== undefined) void look();
  }, [port]);
  const change = useAction(async (isInstalled: boolean, command: readonly string[]) => {
    await callApp('changeHelperService', { isInstalled, command: [...command] });
    await look();
    onChange();
  });
  if (port === undefined) return null;
  if (error !== undefined) return <ErrorNotice title={words.failed} error={error} onRetry={() => void look()} />;
  if (found === undefined) return null;
  const { state, command, paths, reason } = found;
  return (
    <Section title={words.title}>
      <div className="ui-stack">
        <p className="domain-prose">{words.why}</p>
        {command === undefined ? (
          <p className="tp-dim">{reason}</p>
        ) : (
          <>
            <Facts
              facts={[
                [words.state, words.states[state]],
                [
                  texts.helper.command,
                  <span key="command" className="ui-command">
                    <code>{shellLine(command)}</code>
                    <CopyButton text={shellLine(command)} label={words.copyCommand} />
                  </span>,
                ],
                [
                  texts.helper.paths,
                  <ul key="paths" className="domain-list">
                    {paths.map(({ path, purpose }) => (
                      <li key={path}>
                        <code>{path}</code> <span className="tp-dim">{purpose}</span>
                      </li>
                    ))}
                  </ul>,
                ],
              ]}
            />
            <div className="ui-row">
              <Button
                variant="default"
                loading={change.isRunning}
                onClick={() => void change.run(state === 'not-installed', command)}
              >
                {state === 'installed' ? words.uninstall : words.install}
              </Button>
              <span className="tp-dim">{texts.helper.startHint}</span>
            </div>
          </>
        )}
        {change.error !== undefined && <ErrorNotice title={words.changeFailed} error={change.error} />}
      </div>
    </Section>
  );
}
