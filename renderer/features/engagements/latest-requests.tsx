import { Button } from '@mantine/core';
import type { Engagement } from '#protocol/local-api/model.ts';
import { exactly } from '../../domain/connection-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { durationText } from '../../domain/time-text.ts';
import { TrafficStatus, trafficTime, trafficTitle } from '../../domain/traffic-view.tsx';
import { useTraffic } from '../../domain/use-traffic.ts';
import { chooseConnection, openPlace } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Section } from '../../ui/page.tsx';

const words = texts.traffic;
const names = words.columnNames;
const shownRows = 8;

/** The latest of what the cluster asks of an engagement, newest first. */
export function LatestRequests({ engagement }: { readonly engagement: Engagement }) {
  const { connection, name } = engagement;
  const { view, error, retry } = useTraffic(exactly({ name: connection }), { engagement: name, bodies: false });
  const latest = view.entries.slice(-shownRows).toReversed();
  const showAll = () => {
    chooseConnection(connection);
    openPlace({ page: 'traffic', engagement: name });
  };
  return (
    <Section
      title={words.latest}
      actions={
        <Button variant="default" onClick={showAll}>
          {words.showAll}
        </Button>
      }
    >
      {error !== undefined && <ErrorNotice title={words.failed} error={error} onRetry={retry} />}
      {/* As high when empty as when full: what comes moves nothing. */}
      <div className="engagement-requests">
        {latest.length === 0 ? (
          <p className="tp-dim">{words.latestNone}</p>
        ) : (
          <table aria-label={words.latest}>
            <thead>
              <tr>
                <th scope="col">{names.time}</th>
                <th scope="col">{words.request}</th>
                <th scope="col">{names.status}</th>
                <th scope="col">{names.duration}</th>
                <th scope="col">{names.from}</th>
              </tr>
            </thead>
            <tbody>
              {latest.map((entry) => (
                <tr key={entry.id}>
                  <td className="tp-number">{trafficTime(entry.time)}</td>
                  <td className="tp-cut">
                    <code title={trafficTitle(entry)}>{trafficTitle(entry)}</code>
                  </td>
                  <td>
                    <TrafficStatus entry={entry} />
                  </td>
                  <td className="tp-number">{entry.durationMs === undefined ? '–' : durationText(entry.durationMs)}</td>
                  <td className="tp-number tp-cut">{entry.from}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Section>
  );
}
