import { ActionIcon, Button, TextInput } from '@mantine/core';
import { IconRefresh, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import type { Answer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { Loading } from '../../ui/page.tsx';
import { groupSources, sourceKey, sourceName } from './log-sources.ts';

const words = texts.logs;
/** More of a group are not read through. */
const maxOfGroup = 100;

/** The logs that there are. */
export function SourceList({
  answer,
  workload,
  chosen,
  isOn,
  onChoose,
  onAll,
}: {
  readonly answer: Answer<'listLogSources'>;
  /** Whose logs these are; undefined: all there are. */
  readonly workload: string | undefined;
  readonly chosen: LogSource | undefined;
  readonly isOn: boolean;
  readonly onChoose: (source: LogSource) => void;
  readonly onAll: () => void;
}) {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const all = answer.output?.sources ?? (workload === undefined ? [{ kind: 'daemon' as const }] : []);
  const groups = groupSources(
    all.filter((source) => sourceKey(source).toLowerCase().includes(wanted) || sourceName(source).toLowerCase().includes(wanted)),
  );
  const chosenKey = chosen === undefined ? undefined : sourceKey(chosen);
  return (
    <nav className="logs-sources" aria-label={words.sources}>
      <div className="logs-source-bar">
        <TextInput
          aria-label={words.sourceFilter}
          placeholder={words.sourceFilter}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={filter}
          onChange={({ currentTarget }) => setFilter(currentTarget.value)}
        />
        <ActionIcon aria-label={words.readAgain} title={words.readAgain} loading={answer.isLoading} onClick={answer.again}>
          <IconRefresh size={15} aria-hidden />
        </ActionIcon>
      </div>
      {workload !== undefined && (
        <div className="logs-source-workload">
          <span className="tp-cut">{words.ofWorkload(workload)}</span>
          <Button variant="subtle" size="compact-xs" onClick={onAll}>
            {words.allSources}
          </Button>
        </div>
      )}
      <div className="logs-source-groups">
        {groups.map(([group, members]) => (
          <section key={group} aria-label={words.groups[group]}>
            <h2>{words.groups[group]}</h2>
            <ul>
              {members.slice(0, maxOfGroup).map((source) => {
                const key = sourceKey(source);
                return (
                  <li key={key}>
                    <button
                      type="button"
                      className="logs-source tp-cut"
                      title={sourceName(source)}
                      aria-current={key === chosenKey}
                      onClick={() => onChoose(source)}
                    >
                      {sourceName(source)}
                    </button>
                  </li>
                );
              })}
            </ul>
            {members.length > maxOfGroup && (
              <p className="tp-dim logs-source-more">{words.moreSources(members.length - maxOfGroup)}</p>
            )}
          </section>
        ))}
        {groups.length === 0 && wanted !== '' && <p className="tp-dim logs-source-more">{words.sourcesNoMatch}</p>}
        {answer.output === undefined && answer.isLoading && <Loading label={words.sourcesLoading} rows={3} />}
        {answer.error !== undefined && <ErrorNotice title={words.sourcesFailed} error={answer.error} severity="warning" />}
        {!isOn && <p className="tp-dim logs-source-more">{words.clusterHint}</p>}
      </div>
    </nav>
  );
}
