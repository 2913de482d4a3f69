import { ActionIcon, Button, Select, TextInput } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowUp,
  IconClock,
  IconLayoutBottombar,
  IconPlayerPlay,
  IconSearch,
  IconTextWrap,
} from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { openDockTab } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Empty, Loading } from '../../ui/page.tsx';
import { firstIndex, type LogLevel, logLevels } from './log-buffer.ts';
import { LogRows, type LogRowsHandle } from './log-rows.tsx';
import { sourceKey, sourceTitle } from './log-sources.ts';
import { useLog } from './use-log.ts';

const words = texts.logs;

interface LogPrefs {
  readonly isWrapped: boolean;
  readonly hasTimes: boolean;
}

const useLogPrefs = create<LogPrefs>()(
  persist((): LogPrefs => ({ isWrapped: false, hasTimes: true }), { name: 'telepresence-logs', version: 1 }),
);

/** One log: its lines as they come, a search, and a filter. */
export function LogViewer({
  use,
  source,
  isInPanel = false,
}: {
  readonly use: string | undefined;
  readonly source: LogSource;
  readonly isInPanel?: boolean;
}) {
  const { isWrapped, hasTimes } = useLogPrefs();
  const [level, setLevel] = useState<LogLevel>();
  const [search, setSearch] = useState('');
  const [current, setCurrent] = useState<number>();
  const [isFollowing, setFollowing] = useState(true);
  const rows = useRef<LogRowsHandle>(null);
  const { view, isLoaded, error, retry } = useLog(use, source, { level, search });
  const { matches, shown } = view;
  const position = current === undefined ? 0 : firstIndex(matches.length, (index) => (matches[index] ?? 0) >= current) + 1;

  const goTo = (number: number | undefined) => {
    setCurrent(number);
    if (number !== undefined) rows.current?.show(number);
  };
  const next = () => {
    const after =
      current === undefined ? matches.length - 1 : firstIndex(matches.length, (index) => (matches[index] ?? 0) > current);
    goTo(matches[after] ?? matches[0]);
  };
  const previous = () => {
    const at = current === undefined ? matches.length : firstIndex(matches.length, (index) => (matches[index] ?? 0) >= current);
    goTo(matches[at - 1] ?? matches.at(-1));
  };

  return (
    <section className="logs-viewer" aria-label={sourceTitle(source)}>
      <div className="logs-bar">
        <form
          role="search"
          className="logs-search"
          onSubmit={(event) => {
            event.preventDefault();
            next();
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !event.shiftKey) return;
            event.preventDefault();
            previous();
          }}
        >
          <TextInput
            aria-label={words.search}
            placeholder={words.search}
            leftSection={<IconSearch size={14} aria-hidden />}
            value={search}
            onChange={({ currentTarget }) => {
              setSearch(currentTarget.value);
              setCurrent(undefined);
            }}
          />
          <span className="tp-dim tp-number logs-matches" role="status">
            {search === '' ? '' : words.matches(position, matches.length)}
          </span>
          <ActionIcon
            aria-label={words.searchPrevious}
            title={words.searchPrevious}
            disabled={matches.length === 0}
            onClick={previous}
          >
            <IconArrowUp size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon type="submit" aria-label={words.searchNext} title={words.searchNext} disabled={matches.length === 0}>
            <IconArrowDown size={16} aria-hidden />
          </ActionIcon>
        </form>
        <span className="ui-page-actions">
          <Select
            className="logs-level-choice"
            aria-label={words.level}
            data={levelChoices}
            value={level ?? 'all'}
            allowDeselect={false}
            onChange={(value) => setLevel(logLevels.find((each) => each === value))}
          />
          <Toggle label={words.wrap} isOn={isWrapped} onChange={(value) => useLogPrefs.setState({ isWrapped: value })}>
            <IconTextWrap size={16} aria-hidden />
          </Toggle>
          <Toggle label={words.time} isOn={hasTimes} onChange={(value) => useLogPrefs.setState({ hasTimes: value })}>
            <IconClock size={16} aria-hidden />
          </Toggle>
          <CopyButton
            label={words.copy}
            text={() =>
              Promise.resolve(shown.map(({ time, text }) => (time === undefined ? text : `${time} ${text}`)).join('\n'))
            }
          />
          {!isInPanel && (
            <ActionIcon
              aria-label={words.openInPanel}
              title={words.openInPanel}
              onClick={() => openDockTab({ kind: 'log', id: `log ${sourceKey(source)}`, source })}
            >
              <IconLayoutBottombar size={16} aria-hidden />
            </ActionIcon>
          )}
          <Button
            variant={isFollowing ? 'light' : 'default'}
            aria-pressed={isFollowing}
            title={words.followHint}
            leftSection={<IconPlayerPlay size={13} aria-hidden />}
            onClick={() => setFollowing(!isFollowing)}
          >
            {words.follow}
          </Button>
        </span>
      </div>
      {error !== undefined && <ErrorNotice title={words.failed} error={error} onRetry={retry} />}
      {shown.length === 0 && error === undefined ? (
        isLoaded ? (
          <Empty title={view.kept === 0 ? words.empty : words.noneShown}>{view.kept === 0 ? words.emptyDetail : undefined}</Empty>
        ) : (
          <Loading label={words.loading} rows={10} />
        )
      ) : (
        <LogRows
          view={view}
          name={sourceTitle(source)}
          needle={search.toLowerCase()}
          current={current}
          isWrapped={isWrapped}
          hasTimes={hasTimes}
          isFollowing={isFollowing}
          onFollow={setFollowing}
          handle={rows}
        />
      )}
      <div className="logs-foot tp-dim tp-number">
        <span>{words.count(shown.length, view.kept)}</span>
        {view.forgotten > 0 && <span>{words.forgotten(view.forgotten)}</span>}
        {!isFollowing && shown.length > 0 && (
          <Button variant="subtle" size="compact-xs" onClick={() => rows.current?.toEnd()}>
            {words.toEnd}
          </Button>
        )}
      </div>
    </section>
  );
}

const levelChoices = (['all', 'error', 'warn', 'info', 'debug'] as const).map((value) => ({ value, label: words.levels[value] }));

function Toggle({
  label,
  isOn,
  onChange,
  children,
}: {
  readonly label: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly children: React.ReactNode;
}) {
  return (
    <ActionIcon
      variant={isOn ? 'light' : 'subtle'}
      color={isOn ? 'harbor' : 'gray'}
      aria-label={label}
      title={label}
      aria-pressed={isOn}
      onClick={() => onChange(!isOn)}
    >
      {children}
    </ActionIcon>
  );
}
