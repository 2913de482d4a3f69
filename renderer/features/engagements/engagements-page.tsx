import { Button } from '@mantine/core';
import type { Engagement } from '#protocol/local-api/model.ts';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { useLeaving } from '../../domain/leave-engagement.ts';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { openPlace, useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Empty, Loading, Page } from '../../ui/page.tsx';
import { EngagementDetail } from './engagement-detail.tsx';
import { EngagementState } from './engagement-state.tsx';

const words = texts.engagements;

/** What of the cluster comes to this laptop: a list, and the chosen one. */
export function EngagementsPage() {
  const isKnown = useMirror((mirror) => mirror.state !== undefined);
  const engagements = useMirror(selectEngagements);
  const wanted = useView(({ place }) => (place?.page === 'engagements' ? place.engagement : undefined));
  const connection = useCurrentConnection();
  const title = texts.shell.pages.engagements;
  const all = Object.entries(engagements).toSorted(([a], [b]) => a.localeCompare(b));
  if (!isKnown) {
    return (
      <Page title={title}>
        <Loading label={words.loading} />
      </Page>
    );
  }
  if (all.length === 0) {
    const isConnected = isLive(connection);
    return (
      <Page title={title}>
        <Empty
          title={isConnected ? words.emptyTitle : words.offTitle}
          actions={
            <Button onClick={() => openPlace({ page: isConnected ? 'workloads' : 'connect' })}>
              {isConnected ? words.chooseWorkload : words.connect}
            </Button>
          }
        >
          {isConnected ? words.emptyDetail : words.offDetail}
        </Empty>
      </Page>
    );
  }
  const [firstKey, first] = all[0] ?? [];
  const chosenKey = wanted === undefined ? firstKey : wanted;
  const chosen = chosenKey === undefined ? first : engagements[chosenKey];
  return (
    <Page isFlush title={title} detail={<span className="tp-number">{all.length}</span>}>
      <div className="engagement-page">
        <ul className="engagement-list" aria-label={words.list}>
          {all.map(([key, engagement]) => (
            <Line key={key} id={key} engagement={engagement} isCurrent={key === chosenKey} />
          ))}
        </ul>
        <div className="engagement-scroll">
          {chosen === undefined ? <Empty title={words.gone} /> : <EngagementDetail engagement={chosen} />}
        </div>
      </div>
    </Page>
  );
}

function Line({
  id,
  engagement,
  isCurrent,
}: {
  readonly id: string;
  readonly engagement: Engagement;
  readonly isCurrent: boolean;
}) {
  const { name, workload, namespace, state } = engagement;
  const isLeaving = useLeaving(({ keys }) => keys.has(id));
  return (
    <li>
      <button
        type="button"
        className="engagement-line"
        aria-current={isCurrent ? 'true' : undefined}
        onClick={() => openPlace({ page: 'engagements', engagement: id })}
      >
        <strong className="tp-cut">{name}</strong>
        <EngagementState state={state} isLeaving={isLeaving} />
        <span className="tp-dim tp-cut">
          {workload} · {namespace}
        </span>
      </button>
    </li>
  );
}
