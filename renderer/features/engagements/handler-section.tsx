import { Button } from '@mantine/core';
import type { Engagement } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { exactly } from '../../domain/connection-view.ts';
import { laptopEndpoint } from '../../domain/engagement-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { ageText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { Facts, Section } from '../../ui/page.tsx';
import { State } from '../../ui/shape.tsx';
import { useNow } from '../../ui/use-now.ts';

const words = texts.engagements;

/** What serves the engagement: a process that the daemon runs, or whatever listens. */
export function HandlerSection({ engagement }: { readonly engagement: Engagement }) {
  const { name, connection, process, handler, laptopAddress, ports } = engagement;
  const now = useNow(1_000);
  const target = { use: exactly({ name: connection }), name };
  const restart = useAction(async () => await callDaemon('restartHandler', target));
  const stop = useAction(async () => await callDaemon('stopHandler', target));
  const error = restart.error ?? stop.error;
  const endpoint = ports.map(({ laptopPort }) => laptopEndpoint(laptopAddress, laptopPort)).join(', ');
  return (
    <Section
      title={words.handler}
      actions={
        process !== undefined && (
          <>
            <Button variant="default" loading={restart.isRunning} onClick={() => void restart.run()}>
              {words.restart}
            </Button>
            <Button
              variant="default"
              disabled={process.state.kind !== 'running'}
              loading={stop.isRunning}
              onClick={() => void stop.run()}
            >
              {words.stop}
            </Button>
          </>
        )
      }
    >
      <div className="ui-card ui-stack">
        {error !== undefined && <ErrorNotice error={error} />}
        {process === undefined ? (
          <>
            <ListeningState handler={handler} />
            <p className="tp-dim">
              {handler === 'not-listening' ? words.handlerHint(endpoint) : words.handlerUnknownHint(endpoint)}
            </p>
          </>
        ) : (
          <>
            {process.state.kind === 'running' ? (
              <State shape="solid" tone="good">
                <span className="tp-number">{words.running(ageText(process.state.since, now))}</span>
              </State>
            ) : (
              <State
                shape={process.state.exitCode === 0 ? 'dash' : 'triangle'}
                tone={process.state.exitCode === 0 ? 'dim' : 'bad'}
              >
                {words.exited(process.state.exitCode)}
              </State>
            )}
            <Facts
              facts={[
                [words.command, <code>{process.command}</code>],
                [words.directory, <code>{process.directory}</code>],
                [words.ports, <ListeningState handler={handler} />],
                ...(process.state.kind === 'running'
                  ? [[words.pid, <span className="tp-number">{process.state.pid}</span>] as const]
                  : []),
                [words.restarts, <span className="tp-number">{process.restarts}</span>],
              ]}
            />
          </>
        )}
      </div>
    </Section>
  );
}

function ListeningState({ handler }: Pick<Engagement, 'handler'>) {
  const text = words.handlerStates[handler];
  if (handler === 'listening')
    return (
      <State shape="solid" tone="good">
        {text}
      </State>
    );
  if (handler === 'not-listening')
    return (
      <State shape="triangle" tone="warn">
        {text}
      </State>
    );
  return (
    <State shape="hollow" tone="dim">
      {text}
    </State>
  );
}
