import { Button } from '@mantine/core';
import { IconFileText } from '@tabler/icons-react';
import { useMemo } from 'react';
import { clockText } from '#base/common/clock-text.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import { leaveCommand } from '../../domain/command-line.ts';
import { CommandMenu, useCommandUse } from '../../domain/command-lines.tsx';
import { curlCommand, engagementKey, laptopEndpoint } from '../../domain/engagement-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { leaveUnlessUndone, useLeaving } from '../../domain/leave-engagement.ts';
import { bytesText } from '../../domain/time-text.ts';
import { selectDaemon, useMirror } from '../../stores/mirror.ts';
import { openDockTab, useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { EngagementState } from './engagement-state.tsx';
import { EnvironmentSection } from './environment-section.tsx';
import { HandlerSection } from './handler-section.tsx';
import { LatestRequests } from './latest-requests.tsx';

const words = texts.engagements;

/** One engagement: how it is, what serves it, and what it carries. */
export function EngagementDetail({ engagement }: { readonly engagement: Engagement }) {
  const { name, state, ports, laptopAddress, namespace } = engagement;
  const key = engagementKey(engagement);
  const isLeaving = useLeaving(({ keys }) => keys.has(key));
  const hasLogs = useView((view) => view.dockKinds.includes('log'));
  const hasTraffic = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('traffic') === true);
  const use = useCommandUse({ name: engagement.connection });
  const curl = curlCommand(engagement);
  return (
    <article className="engagement-detail" aria-label={name}>
      <header className="engagement-header">
        <h2 className="tp-cut">{name}</h2>
        <EngagementState state={state} isLeaving={isLeaving} />
        <span className="ui-page-actions">
          {hasLogs && engagement.process !== undefined && (
            <Button
              variant="default"
              leftSection={<IconFileText size={14} aria-hidden />}
              onClick={() =>
                openDockTab({ kind: 'log', id: `log handler ${key}`, source: { kind: 'handler', engagement: name } })
              }
            >
              {words.logs}
            </Button>
          )}
          {curl !== undefined && (
            <CopyButton text={curl} label={words.copyCurlLabel(curl)}>
              {words.copyCurl}
            </CopyButton>
          )}
          <Button variant="default" disabled={isLeaving} onClick={() => leaveUnlessUndone(engagement)}>
            {words.leave}
          </Button>
          <CommandMenu commands={[leaveCommand(name, use)]} />
        </span>
      </header>
      {state.kind === 'waiting' && <ErrorNotice severity="warning" title={words.waitingTitle} error={state.reason} />}
      {state.kind === 'ended' && <ErrorNotice title={words.endedTitle} error={state.reason} />}
      <ul className="engagement-routes" aria-label={words.route}>
        {ports.map(({ laptopPort, containerPort, protocol, service }) => (
          <li key={`${containerPort}/${protocol}`}>
            <code>
              {service === undefined ? `${engagement.workload}:${containerPort}` : `${service.name}.${namespace}:${service.port}`}
            </code>
            <span aria-hidden>→</span>
            <code>{laptopEndpoint(laptopAddress, laptopPort)}</code>
            <span className="tp-dim">{protocol}</span>
          </li>
        ))}
      </ul>
      <Counters engagement={engagement} />
      <div className="engagement-columns">
        <HandlerSection engagement={engagement} />
        <About engagement={engagement} />
      </div>
      {hasTraffic && <LatestRequests key={`requests ${key}`} engagement={engagement} />}
      <EnvironmentSection key={key} engagement={engagement} />
    </article>
  );
}

/** Each number has a place of its own: what changes moves nothing. */
function Counters({ engagement: { traffic } }: { readonly engagement: Engagement }) {
  const names = words.counterNames;
  const counters = [
    [names.connections, String(traffic.connections)],
    [names.open, String(traffic.open)],
    ...(traffic.direct === undefined ? [] : [[names.direct, String(traffic.direct)]]),
    [names.rejected, String(traffic.rejected)],
    [names.inBytes, bytesText(traffic.inBytes)],
    [names.outBytes, bytesText(traffic.outBytes)],
  ] as const;
  return (
    <dl className="engagement-counters" aria-label={words.counters}>
      {counters.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="tp-number">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function About({ engagement }: { readonly engagement: Engagement }) {
  const { mode, workload, workloadKind, namespace, container, podName, owner, connection, toPod, state } = engagement;
  const facts = useMemo(
    () => [
      [words.workload, workloadKind === '' ? workload : `${workloadKind}/${workload}`] as const,
      [words.namespace, namespace] as const,
      ...(container === undefined ? [] : [[words.container, container] as const]),
      [words.mode, words.modes[mode]] as const,
      [words.filter, words.everyone] as const,
      ...('since' in state ? [[words.since, clockText(state.since)] as const] : []),
      ...(podName === undefined ? [] : [[words.pod, <code key="pod">{podName}</code>] as const]),
      ...(toPod.length === 0 ? [] : [[words.toPod, toPod.join(', ')] as const]),
      [words.owner, owner] as const,
      [words.connection, connection] as const,
    ],
    [mode, workload, workloadKind, namespace, container, podName, owner, connection, toPod, state],
  );
  return (
    <Section title={words.about}>
      <div className="ui-card">
        <Facts facts={facts} />
      </div>
    </Section>
  );
}
