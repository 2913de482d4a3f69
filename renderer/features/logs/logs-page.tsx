import { Button } from '@mantine/core';
import { IconFileZip } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { type Answer, useAnswer } from '../../api/use-call.ts';
import { exactly, isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { selectEngagements, useMirror } from '../../stores/mirror.ts';
import { openPlace, useView, type WorkloadPlace } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Empty, Loading, Page } from '../../ui/page.tsx';
import { ExportDialog } from './export-dialog.tsx';
import { showLogExport, useLogExport } from './log-export.ts';
import { sourceKey, sourceTitle, useChosenSource } from './log-sources.ts';
import { LogViewer } from './log-viewer.tsx';
import { SourceList } from './source-list.tsx';

/** Logs of laptop and cluster, one of them live. */
export function LogsPage() {
  const workload = useView(({ place }) => (place?.page === 'logs' ? place.workload : undefined));
  // What is known of one says nothing about another.
  return <LogsOf key={workload === undefined ? '' : `${workload.namespace}/${workload.name}`} workload={workload} />;
}

function LogsOf({ workload }: { readonly workload: WorkloadPlace | undefined }) {
  const connection = useCurrentConnection();
  const use = isLive(connection) && connection !== undefined ? exactly(connection) : undefined;
  const asked = useView(({ place }) => (place?.page === 'logs' ? place.source : undefined));
  const former = useChosenSource(({ source }) => source);
  const isExporting = useLogExport(({ isOpen }) => isOpen);
  // Another handler, another log.
  const handlers = useMirror((mirror) =>
    Object.values(selectEngagements(mirror))
      .flatMap(({ name, process }) => (process === undefined ? [] : [name]))
      .join(' '),
  );
  const answer = useAnswer('listLogSources', {
    ...(use === undefined ? {} : { use }),
    ...(workload === undefined ? {} : { namespace: workload.namespace, workload: workload.name }),
  });
  const shown = workload === undefined ? answer : { ...answer, output: podsOnly(answer.output) };
  const source = asked ?? (workload === undefined ? former : shown.output?.sources[0]);
  const known = useRef(handlers);
  const { again } = answer;
  useEffect(() => {
    if (known.current !== handlers) again();
    known.current = handlers;
  }, [handlers, again]);
  useEffect(() => {
    if (source !== undefined) useChosenSource.setState({ source });
  }, [source]);
  return (
    <Page
      title={texts.shell.pages.logs}
      detail={source === undefined ? workload?.name : sourceTitle(source)}
      isFlush
      actions={
        <Button variant="default" leftSection={<IconFileZip size={14} aria-hidden />} onClick={() => showLogExport(true)}>
          {texts.logs.export}
        </Button>
      }
    >
      <div className="logs-page">
        <SourceList
          answer={shown}
          workload={workload?.name}
          chosen={source}
          isOn={use !== undefined}
          onChoose={(chosen) => openPlace({ page: 'logs', source: chosen, ...(workload === undefined ? {} : { workload }) })}
          onAll={() => openPlace({ page: 'logs' })}
        />
        {source !== undefined ? (
          <LogViewer key={sourceKey(source)} use={use} source={source} />
        ) : (
          <section className="logs-viewer" aria-label={texts.logs.ofWorkload(workload?.name ?? '')}>
            {shown.isLoading ? (
              <Loading label={texts.logs.loading} rows={10} />
            ) : (
              shown.error === undefined && (
                <Empty title={texts.logs.noneOfWorkload(workload?.name ?? '')}>{texts.logs.noneOfWorkloadDetail}</Empty>
              )
            )}
          </section>
        )}
      </div>
      <ExportDialog isOpen={isExporting} onClose={() => showLogExport(false)} use={use} />
    </Page>
  );
}

/** Without those of the laptop and of the traffic-manager, which are there whatever is asked for. */
function podsOnly(output: Answer<'listLogSources'>['output']): Answer<'listLogSources'>['output'] {
  return output && { sources: output.sources.filter(({ kind }) => kind === 'pod' || kind === 'agent') };
}
