import { Button } from '@mantine/core';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { callApp, useBridge } from '../api/app-bridge.ts';
import { type Answer, useAction } from '../api/use-call.ts';
import { texts } from '../texts/en.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { Facts, Loading } from '../ui/page.tsx';
import { type Shape, State, type Tone } from '../ui/shape.tsx';
import { shellLine } from './command-line.ts';
import { ErrorNotice } from './error-notice.tsx';

const words = texts.helper;

/** What the privileged helper is and does, word by word, before anybody is asked for a password. */
export function HelperFacts({ answer }: { readonly answer: Answer<'describeHelper'> }) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  const { output: found, error } = answer;
  const start = useAction(async () => {
    // What main would run is what main has to be told: it may be packaged otherwise than the daemon.
    const { command } = await callApp('describeHelperStart', {});
    await callApp('startHelper', { command });
    answer.again();
  });
  if (error !== undefined) {
    return <ErrorNotice title={words.failed} error={error} onRetry={answer.again} />;
  }
  if (found === undefined) return <Loading label={words.loading} rows={5} />;
  const { shape, tone } = signs[found.state];
  return (
    <div className="ui-stack">
      <p className="domain-prose">{words.why}</p>
      <Facts
        facts={[
          [
            words.state,
            <span key="state" className="ui-row">
              <State shape={shape} tone={tone}>
                {words.states[found.state]}
              </State>
              <Button variant="subtle" size="compact-xs" loading={answer.isLoading} onClick={answer.again}>
                {words.again}
              </Button>
            </span>,
          ],
          ...(found.version === undefined ? [] : [[words.version, found.version] as const]),
          [
            words.command,
            <span key="command" className="ui-command">
              <code>{shellLine(found.command)}</code>
              <CopyButton text={shellLine(found.command)} label={words.copyCommand} />
            </span>,
          ],
          [
            words.changes,
            <ul key="changes" className="domain-list">
              {found.changes.map((change) => (
                <li key={change}>{change}</li>
              ))}
            </ul>,
          ],
          [
            words.paths,
            <ul key="paths" className="domain-list">
              {found.paths.map(({ path, purpose }) => (
                <li key={path}>
                  <code>{path}</code> <span className="tp-dim">{purpose}</span>
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
      {start.error !== undefined && <ErrorNotice title={words.startFailed} error={start.error} />}
      {found.state === 'not-running' &&
        (hasBridge ? (
          <div className="ui-row">
            <Button loading={start.isRunning} onClick={() => void start.run()}>
              {words.start}
            </Button>
            <span className="tp-dim">{words.startHint}</span>
          </div>
        ) : (
          <p className="ui-row">
            <span className="tp-dim">{words.startBrowser}</span>
            <span className="ui-command">
              <code>telepresence connect</code>
              <CopyButton text="telepresence connect" label={texts.shell.copyCommand('telepresence connect')} />
            </span>
          </p>
        ))}
    </div>
  );
}

const signs: Readonly<Record<CallOutput<'describeHelper'>['state'], { readonly shape: Shape; readonly tone: Tone }>> = {
  running: { shape: 'solid', tone: 'good' },
  'not-running': { shape: 'key', tone: 'dim' },
  service: { shape: 'solid', tone: 'good' },
};
