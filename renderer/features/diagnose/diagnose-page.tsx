import { Button } from '@mantine/core';
import { IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import { useEffect } from 'react';
import { doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { doctorCommand } from '../../domain/command-line.ts';
import { CommandLine, useCommandUse } from '../../domain/command-lines.tsx';
import { exactly, isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Page } from '../../ui/page.tsx';
import { CheckRow } from './check-row.tsx';
import { reportText, runDoctor, stopDoctor, useDoctor } from './doctor-run.ts';

const words = texts.diagnose;

/** What the doctor found, each as it comes. */
export function DiagnosePage() {
  const connection = useCurrentConnection();
  const use = isLive(connection) && connection !== undefined ? exactly(connection) : undefined;
  const commandUse = useCommandUse(isLive(connection) ? connection : undefined);
  const hasDaemon = useMirror(({ link }) => link === 'live');
  const { results, pending, error, hasRun } = useDoctor();
  const isRunning = pending.size > 0;
  const checks = doctorCheckIds.flatMap((id) => results[id] ?? []);
  const counts = countOf(checks);
  useEffect(() => {
    if (hasDaemon && !hasRun) void runDoctor(use);
  }, [hasDaemon, hasRun, use]);
  return (
    <Page
      title={texts.shell.pages.diagnose}
      detail={use === undefined || connection === undefined ? words.aboutNone : words.about(connection.name)}
      actions={
        <>
          {checks.length > 0 && !isRunning && (
            <>
              <CopyButton label={words.copyText} text={reportText(checks, words.words)}>
                {words.copyText}
              </CopyButton>
              <CopyButton label={words.copyJson} text={JSON.stringify({ checks }, undefined, 2)}>
                {words.copyJson}
              </CopyButton>
            </>
          )}
          {isRunning ? (
            <Button variant="default" leftSection={<IconPlayerStop size={14} aria-hidden />} onClick={stopDoctor}>
              {words.stop}
            </Button>
          ) : (
            <Button leftSection={<IconRefresh size={14} aria-hidden />} onClick={() => void runDoctor(use)}>
              {hasRun ? words.runAll : words.runAllFirst}
            </Button>
          )}
        </>
      }
    >
      <div className="diagnose">
        {error !== undefined && <ErrorNotice title={words.failed} error={error} onRetry={() => void runDoctor(use)} />}
        <div className="diagnose-summary">
          <p role="status" className="tp-number">
            {isRunning
              ? words.progress(doctorCheckIds.length - pending.size, doctorCheckIds.length)
              : checks.length > 0 && words.summary(counts.pass, counts.warn, counts.fail, counts['not-applicable'])}
          </p>
          <span className="tp-dim">
            {words.sameAs} <CommandLine command={doctorCommand(commandUse)} />
          </span>
        </div>
        <ul className="diagnose-list" aria-label={words.listLabel} aria-busy={isRunning}>
          {doctorCheckIds.map((id) => (
            <CheckRow
              key={id}
              id={id}
              check={results[id]}
              state={pending.has(id) ? 'running' : results[id] === undefined ? 'not-run' : 'known'}
              canRun={hasDaemon && !isRunning}
              onRun={() => void runDoctor(use, [id])}
            />
          ))}
        </ul>
      </div>
    </Page>
  );
}

function countOf(checks: readonly DoctorCheck[]): Readonly<Record<DoctorCheck['status'], number>> {
  const counts = { pass: 0, warn: 0, fail: 0, 'not-applicable': 0 };
  for (const { status } of checks) counts[status] += 1;
  return counts;
}
