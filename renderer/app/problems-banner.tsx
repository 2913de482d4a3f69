import { Button } from '@mantine/core';
import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { callApp } from '../api/app-bridge.ts';
import { inBackground } from '../domain/connection-actions.ts';
import { problemsOf } from '../domain/health-view.ts';
import { remedyAction } from '../domain/remedy-action.ts';
import { selectHealth, useMirror } from '../stores/mirror.ts';
import { texts } from '../texts/en.ts';
import { Notice } from '../ui/notice.tsx';
import { useIsDaemonEnded } from './use-is-daemon-ended.ts';

/** What is wrong for longer, worst first, each with what ends it. */
export function ProblemsBanner() {
  const problems = useMirror(useShallow((mirror) => problemsOf(selectHealth(mirror))));
  const lost = useMirror(({ link, error }) => (link === 'lost' ? error : undefined));
  const isEnded = useIsDaemonEnded();
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? problems : problems.slice(0, 1);
  if (lost === undefined && problems.length === 0) return null;
  return (
    <section className="app-problems" aria-label={texts.shell.problems}>
      {isEnded && (
        <Notice
          severity="info"
          title={texts.shell.endedTitle}
          reason={texts.shell.endedDetail}
          actions={<Button onClick={() => inBackground(callApp('startDaemon', {}))}>{texts.shell.startDaemon}</Button>}
          copyLabel={texts.shell.copyCommand}
        />
      )}
      {lost !== undefined && !isEnded && (
        <Notice
          severity="error"
          title={lost.message}
          reason={[lost.reason, texts.shell.lostDetail].filter((part) => part !== undefined).join('. ')}
          remedies={lost.remedies ?? []}
          copyLabel={texts.shell.copyCommand}
        />
      )}
      {shown.map(({ code, connection, severity, title, message, remedies }, index) => (
        <Notice
          key={`${code} ${connection ?? ''}`}
          severity={severity}
          title={title}
          reason={message}
          remedies={remedies.map(({ label, command }) => ({
            label,
            ...(command === undefined ? {} : { command, act: remedyAction(command, connection) }),
          }))}
          copyLabel={texts.shell.copyCommand}
          actions={
            index === 0 && problems.length > 1 ? (
              <Button variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
                {isOpen ? texts.shell.fewerProblems : texts.shell.moreProblems(problems.length - 1)}
              </Button>
            ) : undefined
          }
        />
      ))}
    </section>
  );
}
