import { Button, Switch, TextInput } from '@mantine/core';
import { IconFileExport, IconPlayerPause, IconPlayerPlay, IconSearch, IconTrash } from '@tabler/icons-react';
import { useDeferredValue, useMemo, useState } from 'react';
import type { Connection, Engagement } from '#protocol/local-api/model.ts';
import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import { filterTraffic, noFilter, type TrafficFilter } from '#protocol/local-api/traffic-filter.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { trafficCommand } from '../../domain/command-line.ts';
import { CommandMenu, useCommandUse } from '../../domain/command-lines.tsx';
import { inBackground } from '../../domain/connection-actions.ts';
import { exactly, isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { curlCommand } from '../../domain/engagement-view.ts';
import { PageWaiting } from '../../domain/page-waiting.tsx';
import { trafficColumns, trafficStatus, trafficTitle } from '../../domain/traffic-view.tsx';
import { useTraffic } from '../../domain/use-traffic.ts';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { openPlace, useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { filterFlags } from './filter-flags.ts';
import { TrafficChips } from './traffic-chips.tsx';
import { TrafficDetail } from './traffic-detail.tsx';
import { TrafficExport } from './traffic-export.tsx';

const words = texts.traffic;
const title = texts.shell.pages.traffic;

/** Requests and connections that come from the cluster, live. */
export function TrafficPage() {
  const connection = useCurrentConnection();
  const asked = useView(({ place }) => (place?.page === 'traffic' ? place.engagement : undefined));
  if (connection === undefined || !isLive(connection)) {
    return (
      <Page title={title}>
        <Empty title={words.offTitle} actions={<Button onClick={() => openPlace({ page: 'connect' })}>{words.connect}</Button>}>
          {words.offDetail}
        </Empty>
      </Page>
    );
  }
  // What one of them has carried says nothing about another.
  return <TrafficOf key={`${connection.name} ${asked ?? ''}`} connection={connection} asked={asked} />;
}

function TrafficOf({ connection, asked }: { readonly connection: Connection; readonly asked: string | undefined }) {
  const use = exactly(connection);
  const [isPaused, setPaused] = useState(false);
  const [hasBodies, setBodies] = useState(true);
  const [filter, setFilter] = useState<TrafficFilter>({ ...noFilter, engagements: asked === undefined ? [] : [asked] });
  const [chosen, setChosen] = useState<number>();
  const [isExporting, setExporting] = useState(false);
  const commandUse = useCommandUse(connection);
  const all = useMirror(selectEngagements);
  const engagements = useMemo(
    () => Object.values(all).filter((engagement) => engagement.connection === connection.name),
    [all, connection.name],
  );
  const { view, error, retry } = useTraffic(isPaused ? undefined : use, { bodies: hasBodies });
  const { entries, skipped, isLoaded } = view;
  // Typing comes first: the table follows a frame later.
  const deferred = useDeferredValue(filter);
  const shown = useMemo(() => filterTraffic(entries, deferred), [entries, deferred]);
  const detailed = entries.find(({ id }) => id === chosen);
  if (error !== undefined || !isLoaded) return <PageWaiting title={title} words={words} error={error} onRetry={retry} />;
  if (entries.length === 0 && engagements.length === 0) {
    return (
      <Page title={title}>
        <Empty
          title={words.noneTitle}
          actions={<Button onClick={() => openPlace({ page: 'workloads' })}>{words.chooseWorkload}</Button>}
        >
          {words.noneDetail}
        </Empty>
      </Page>
    );
  }
  const [only] = filter.engagements.length === 1 ? filter.engagements : [];
  const command = trafficCommand(only, commandUse, ['--follow', ...filterFlags(filter)]);
  return (
    <Page
      isFlush
      title={title}
      detail={
        <span className="tp-number" role="status">
          {words.count(shown.length, entries.length)}
          {skipped > 0 && ` · ${words.skipped(skipped)}`}
          {isPaused && ` · ${words.paused}`}
        </span>
      }
      actions={
        <>
          <TextInput
            type="search"
            aria-label={words.search}
            placeholder={words.search}
            leftSection={<IconSearch size={14} aria-hidden />}
            value={filter.text}
            onChange={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
            w={230}
          />
          <Button
            variant="default"
            leftSection={isPaused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
            onClick={() => setPaused(!isPaused)}
          >
            {isPaused ? words.resume : words.pause}
          </Button>
          <Button
            variant="default"
            leftSection={<IconFileExport size={14} aria-hidden />}
            disabled={!shown.some(({ kind }) => kind === 'request')}
            onClick={() => setExporting(true)}
          >
            {words.export}
          </Button>
          <Button
            variant="default"
            leftSection={<IconTrash size={14} aria-hidden />}
            disabled={entries.length === 0 || isPaused}
            onClick={() => inBackground(callDaemon('clearTraffic', { use }))}
          >
            {words.clear}
          </Button>
          <CommandMenu commands={[command, trafficCommand(undefined, commandUse, ['--clear'])]} />
        </>
      }
    >
      <div className="traffic-bar">
        <TrafficChips entries={entries} engagements={engagements.map(({ name }) => name)} filter={filter} onChange={setFilter} />
        <Switch
          size="xs"
          label={words.bodies}
          title={words.bodiesHint}
          checked={hasBodies}
          onChange={(event) => setBodies(event.currentTarget.checked)}
        />
      </div>
      <div className="traffic-page" data-has-detail={detailed !== undefined}>
        {entries.length === 0 ? (
          <NothingYet engagements={engagements} />
        ) : (
          <DataTable
            label={words.table}
            rows={shown}
            columns={trafficColumns}
            hidden={detailed === undefined ? (engagements.length > 1 ? none : single) : narrow}
            rowKey={keyOf}
            rowName={nameOf}
            onOpen={({ id }) => setChosen(id)}
            opensOnClick
            initialSort="time"
            isDescending
            empty={
              <Empty
                title={words.noMatch}
                actions={
                  <Button variant="default" onClick={() => setFilter(noFilter)}>
                    {words.clearFilter}
                  </Button>
                }
              >
                {words.noMatchDetail}
              </Empty>
            }
          />
        )}
        {detailed !== undefined && (
          <TrafficDetail key={detailed.id} use={use} entry={detailed} onClose={() => setChosen(undefined)} />
        )}
      </div>
      <TrafficExport isOpen={isExporting} onClose={() => setExporting(false)} use={use} entries={shown} />
    </Page>
  );
}

function NothingYet({ engagements }: { readonly engagements: readonly Engagement[] }) {
  const curl = engagements.map(curlCommand).find((command) => command !== undefined);
  return (
    <Empty
      title={words.emptyTitle}
      actions={
        curl !== undefined && (
          <span className="ui-command">
            <code>{curl}</code>
            <CopyButton text={curl} label={texts.shell.copyCommand(curl)} />
          </span>
        )
      }
    >
      {words.emptyDetail(engagements.map(({ name }) => name).join(', '))}
    </Empty>
  );
}

const none: readonly string[] = [];
const single: readonly string[] = ['engagement'];
const narrow: readonly string[] = ['engagement', 'from', 'to', 'size'];
const keyOf = ({ id }: TrafficEntry) => String(id);
const nameOf = (entry: TrafficEntry) => words.rowName(trafficTitle(entry), trafficStatus(entry));
