import { Button } from '@mantine/core';
import { IconFileZip } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useAnswer } from '../../api/use-call.ts';
import { exactly, isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { openPlace, useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Page } from '../../ui/page.tsx';
import { ExportDialog } from './export-dialog.tsx';
import { sourceKey, sourceTitle, useChosenSource } from './log-sources.ts';
import { LogViewer } from './log-viewer.tsx';
import { SourceList } from './source-list.tsx';

/** Logs of laptop and cluster, one of them live. */
export function LogsPage() {
  const connection = useCurrentConnection();
  const use = isLive(connection) && connection !== undefined ? exactly(connection) : undefined;
  const asked = useView(({ place }) => (place?.page === 'logs' ? place.source : undefined));
  const former = useChosenSource(({ source }) => source);
  const source = asked ?? former;
  const [isExporting, setExporting] = useState(false);
  // Another handler, another log.
  const handlers = useMirror((mirror) =>
    Object.values(selectEngagements(mirror))
      .flatMap(({ name, process }) => (process === undefined ? [] : [name]))
      .join(' '),
  );
  const answer = useAnswer('listLogSources', use === undefined ? {} : { use });
  const known = useRef(handlers);
  const { again } = answer;
  useEffect(() => {
    if (known.current !== handlers) again();
    known.current = handlers;
  }, [handlers, again]);
  useEffect(() => useChosenSource.setState({ source }), [source]);
  return (
    <Page
      title={texts.shell.pages.logs}
      detail={sourceTitle(source)}
      isFlush
      actions={
        <Button variant="default" leftSection={<IconFileZip size={14} aria-hidden />} onClick={() => setExporting(true)}>
          {texts.logs.export}
        </Button>
      }
    >
      <div className="logs-page">
        <SourceList
          answer={answer}
          chosen={source}
          isOn={use !== undefined}
          onChoose={(chosen) => openPlace({ page: 'logs', source: chosen })}
        />
        <LogViewer key={sourceKey(source)} use={use} source={source} />
      </div>
      <ExportDialog isOpen={isExporting} onClose={() => setExporting(false)} use={use} />
    </Page>
  );
}
