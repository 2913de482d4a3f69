import { Button, Checkbox, Popover, Select, TextInput } from '@mantine/core';
import { IconColumns3, IconSearch } from '@tabler/icons-react';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { PageWaiting } from '../../domain/page-waiting.tsx';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { changeWindowPrefs, useWindowPrefs } from '../../stores/prefs.ts';
import { openPlace } from '../../stores/view.ts';
import { useWorkloads } from '../../stores/workloads.ts';
import { texts } from '../../texts/en.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import {
  filterWorkloads,
  fitsChip,
  joinEngagements,
  type ShownWorkload,
  type WorkloadChip,
  workloadChips,
} from './filter-workloads.ts';
import { openIntercept, WorkloadActions } from './workload-actions.tsx';
import { workloadColumns } from './workload-columns.tsx';

const words = texts.workloads;
const noFilter = { text: '', chips: [], namespace: undefined } as const;

/** The workloads of the connected namespaces, live. */
export function WorkloadsPage() {
  const connection = useCurrentConnection();
  const { isLoaded, error, retry } = useWorkloads();
  const title = texts.shell.pages.workloads;
  if (!isLive(connection)) {
    const isConnecting = connection?.state.kind === 'connecting';
    return (
      <Page title={title}>
        <Empty
          title={isConnecting ? words.connectingTitle : words.offTitle}
          actions={
            <Button onClick={() => openPlace({ page: 'connect' })}>{isConnecting ? words.showConnection : words.connect}</Button>
          }
        >
          {isConnecting ? words.connectingDetail : words.offDetail}
        </Empty>
      </Page>
    );
  }
  if (error !== undefined || !isLoaded) return <PageWaiting title={title} words={words} error={error} onRetry={retry} />;
  return <WorkloadTable namespace={connection?.namespace ?? ''} isPaused={connection?.state.kind === 'paused'} />;
}

function WorkloadTable({ namespace, isPaused }: { readonly namespace: string; readonly isPaused: boolean }) {
  const rows = useShownWorkloads();
  const [text, setText] = useState('');
  const [chips, setChips] = useState<readonly WorkloadChip[]>(noFilter.chips);
  const [chosenNamespace, setNamespace] = useState<string>();
  // Typing comes first: the table follows a frame later.
  const deferred = useDeferredValue(text);
  const all = useMemo(() => [...rows.values()], [rows]);
  const namespaces = useMemo(() => [...new Set(all.map(({ workload }) => workload.namespace))].toSorted(), [all]);
  const shown = useMemo(
    () => filterWorkloads(all, { text: deferred, chips, namespace: chosenNamespace }),
    [all, deferred, chips, chosenNamespace],
  );
  const hiddenByChoice = useWindowPrefs((prefs) => prefs.hiddenColumns);
  const hidden = useMemo(
    () => (namespaces.length > 1 ? hiddenByChoice : [...hiddenByChoice, 'namespace']),
    [hiddenByChoice, namespaces.length],
  );
  const clear = () => {
    setText(noFilter.text);
    setChips(noFilter.chips);
    setNamespace(noFilter.namespace);
  };
  const toggle = (chip: WorkloadChip) =>
    setChips(chips.includes(chip) ? chips.filter((each) => each !== chip) : [...chips, chip]);
  return (
    <Page
      isFlush
      title={texts.shell.pages.workloads}
      detail={
        <span className="tp-number" role="status">
          {words.count(shown.length, all.length)}
        </span>
      }
      actions={
        <>
          {namespaces.length > 1 && (
            <Select
              aria-label={words.columnNames.namespace}
              placeholder={words.columnNames.namespace}
              data={namespaces}
              value={chosenNamespace ?? null}
              onChange={(value) => setNamespace(value ?? undefined)}
              searchable
              clearable
              clearButtonProps={{ 'aria-label': words.clear }}
              w={170}
            />
          )}
          <TextInput
            type="search"
            aria-label={words.search}
            placeholder={words.search}
            leftSection={<IconSearch size={14} aria-hidden />}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            w={220}
          />
          <ColumnChooser />
        </>
      }
    >
      {isPaused && (
        <div className="workload-paused">
          <Notice severity="info" title={words.pausedTitle} reason={words.pausedDetail} copyLabel={texts.shell.copyCommand} />
        </div>
      )}
      <div className="ui-chips workload-chips">
        {workloadChips.map((chip) => (
          <Chip key={chip} chip={chip} rows={all} isPressed={chips.includes(chip)} onToggle={() => toggle(chip)} />
        ))}
      </div>
      {all.length === 0 ? (
        <Empty title={words.emptyTitle(namespace)}>{words.emptyDetail}</Empty>
      ) : (
        <DataTable
          label={words.table}
          rows={shown}
          columns={workloadColumns}
          hidden={hidden}
          rowKey={keyOf}
          rowName={nameOf}
          onOpen={openRow}
          actions={actionsOf}
          actionsLabel={words.actions}
          initialSort="name"
          empty={
            <Empty
              title={words.noMatch}
              actions={
                <Button variant="default" onClick={clear}>
                  {words.clear}
                </Button>
              }
            >
              {words.noMatchDetail}
            </Empty>
          }
        />
      )}
    </Page>
  );
}

function Chip({
  chip,
  rows,
  isPressed,
  onToggle,
}: {
  readonly chip: WorkloadChip;
  readonly rows: readonly ShownWorkload[];
  readonly isPressed: boolean;
  readonly onToggle: () => void;
}) {
  const count = useMemo(() => rows.filter((row) => fitsChip(row, chip)).length, [rows, chip]);
  return (
    <button type="button" className="ui-chip" aria-pressed={isPressed} onClick={onToggle}>
      {words.chips[chip]} <span className="tp-number">{count}</span>
    </button>
  );
}

function ColumnChooser() {
  const hidden = useWindowPrefs((prefs) => prefs.hiddenColumns);
  return (
    <Popover position="bottom-end" shadow="md" withinPortal trapFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<IconColumns3 size={14} aria-hidden />}>
          {words.columns}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={words.columns}>
        <div className="ui-stack workload-columns">
          {workloadColumns
            .filter(({ id }) => id !== 'name')
            .map(({ id, label }) => (
              <Checkbox
                key={id}
                label={label}
                checked={!hidden.includes(id)}
                onChange={(event) => {
                  const others = hidden.filter((each) => each !== id);
                  changeWindowPrefs({ hiddenColumns: event.currentTarget.checked ? others : [...others, id] });
                }}
              />
            ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

/** The rows of before are kept where nothing about them changed. */
function useShownWorkloads(): ReadonlyMap<string, ShownWorkload> {
  const rows = useWorkloads((state) => state.rows);
  const engagements = useMirror(selectEngagements);
  const before = useRef<ReadonlyMap<string, ShownWorkload>>(new Map());
  return useMemo(() => {
    before.current = joinEngagements(rows, Object.values(engagements), before.current);
    return before.current;
  }, [rows, engagements]);
}

const keyOf = ({ key }: ShownWorkload) => key;
const nameOf = ({ workload }: ShownWorkload) => workload.name;
const actionsOf = (row: ShownWorkload) => <WorkloadActions row={row} />;

function openRow(row: ShownWorkload): void {
  const { mine } = row;
  if (mine === undefined) openIntercept(row);
  else openPlace({ page: 'engagements', engagement: `${mine.connection}/${mine.name}` });
}
