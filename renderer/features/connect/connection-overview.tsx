import { Button } from '@mantine/core';
import { clockText } from '#base/common/clock-text.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { useAction } from '../../api/use-call.ts';
import { connectionCommands } from '../../domain/command-line.ts';
import { CommandMenu, useCommandUse } from '../../domain/command-lines.tsx';
import { disconnect, pauseConnection, resumeConnection } from '../../domain/connection-actions.ts';
import { connectionShapes } from '../../domain/connection-shapes.ts';
import { connectionWord } from '../../domain/connection-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { durationText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { State } from '../../ui/shape.tsx';

const words = texts.connect;

/** A connection that is there: how it is, and what it has done to the laptop's network. */
export function ConnectionOverview({ connection }: { readonly connection: Connection }) {
  const { state, dns, routing, transport, manager, stageTimesMs } = connection;
  const word = connectionWord(connection);
  const total = Object.values(stageTimesMs).reduce((sum, ms) => sum + ms, 0);
  return (
    <>
      {state.kind === 'paused' && (
        <Notice
          severity="info"
          title={words.pausedTitle}
          reason={state.until === undefined ? words.pausedForever : words.pausedDetail(clockText(state.until))}
          copyLabel={texts.shell.copyCommand}
        />
      )}
      {(state.kind === 'degraded' || state.kind === 'reconnecting') && <ErrorNotice error={state.reason} />}
      <div className="connect-overview">
        <Section title={words.on}>
          <div className="ui-card">
            <Facts
              facts={[
                [words.state, <State {...connectionShapes[word]}>{texts.shell.states[word]}</State>],
                ...('since' in state ? [[words.since, clockText(state.since)] as const] : []),
                [words.context, connection.context],
                [words.server, <code>{connection.server}</code>],
                [words.namespace, connection.namespace],
                ...(connection.mappedNamespaces.length === 0
                  ? []
                  : [[words.mappedNamespaces, connection.mappedNamespaces.join(', ')] as const]),
                [words.mode, words.modes[connection.mode]],
                ...(manager === undefined ? [] : [[words.manager, `${manager.version}, ${manager.namespace}`] as const]),
                ...(total === 0 ? [] : [[words.timing, durationText(total)] as const]),
              ]}
            />
          </div>
        </Section>
        {routing !== undefined && (
          <Section title={words.routing}>
            <div className="ui-card">
              <Facts
                facts={[
                  [words.interface, <code>{routing.interface}</code>],
                  [words.addresses, <Codes values={routing.addresses} />],
                  [words.subnets, <Codes values={routing.subnets} />],
                  ...(routing.neverProxy.length === 0
                    ? []
                    : [[words.neverProxy, <Codes values={routing.neverProxy} />] as const]),
                  ...(routing.virtual.length === 0
                    ? []
                    : [
                        [
                          words.virtual,
                          <Codes values={routing.virtual.map(({ subnet, virtual }) => `${subnet} → ${virtual}`)} />,
                        ] as const,
                      ]),
                  ...(transport === undefined
                    ? []
                    : [
                        [
                          words.transport,
                          <span className="tp-number">{words.transportValue(transport.forwards, transport.streams)}</span>,
                        ] as const,
                      ]),
                ]}
              />
            </div>
          </Section>
        )}
        {dns !== undefined && (
          <Section title={words.dns}>
            <div className="ui-card">
              <Facts
                facts={[
                  [words.dnsAddress, <code>{dns.address}</code>],
                  [words.dnsMode, dns.mode],
                  [words.dnsDomain, <code>{dns.clusterDomain}</code>],
                  [words.dnsFormer, <Codes values={dns.formerServers} />],
                  ...(dns.error === undefined ? [] : [[words.dnsError, dns.error] as const]),
                ]}
              />
            </div>
          </Section>
        )}
      </div>
    </>
  );
}

/** Buttons of the page while there is a connection. */
export function ConnectionActions({ connection }: { readonly connection: Connection }) {
  const pause = useAction(async (minutes: number) => await pauseConnection(connection, minutes));
  const resume = useAction(async () => await resumeConnection(connection));
  const end = useAction(async () => await disconnect(connection));
  const use = useCommandUse(connection);
  const error = pause.error ?? resume.error ?? end.error;
  return (
    <>
      {error !== undefined && (
        <span className="tp-bad tp-cut" role="alert">
          {error.message}
        </span>
      )}
      {connection.state.kind === 'paused' ? (
        <Button loading={resume.isRunning} onClick={() => void resume.run()}>
          {words.resume}
        </Button>
      ) : (
        <>
          <Button variant="default" disabled={pause.isRunning} onClick={() => void pause.run(15)}>
            {words.pause15}
          </Button>
          <Button variant="default" disabled={pause.isRunning} onClick={() => void pause.run(60)}>
            {words.pause60}
          </Button>
        </>
      )}
      <Button variant="default" loading={end.isRunning} onClick={() => void end.run()}>
        {words.disconnect}
      </Button>
      <CommandMenu commands={connectionCommands(connection, use)} />
    </>
  );
}

function Codes({ values }: { readonly values: readonly string[] }) {
  if (values.length === 0) return <span className="tp-dim">{words.none}</span>;
  return (
    <span className="connect-codes">
      {values.map((value) => (
        <code key={value}>{value}</code>
      ))}
    </span>
  );
}
