import { Button } from '@mantine/core';
import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { gatherLogsCommand } from '../../domain/command-line.ts';
import { CommandLine } from '../../domain/command-lines.tsx';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { bytesText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { Empty } from '../../ui/page.tsx';
import type { ExportPreview } from './export-choices.tsx';
import { ExportProblems } from './export-problems.tsx';
import { useStagedAction } from './use-staged-action.ts';

const words = texts.logs;

/** Second step of an export: what would be written, with lines as they would be. Nothing is written before the person says so. */
export function ExportPreviewStep({
  preview: { request, found },
  commandUse,
  onBack,
  onSaved,
}: {
  readonly preview: ExportPreview;
  readonly commandUse: string | undefined;
  readonly onBack: () => void;
  readonly onSaved: (result: CallOutput<'gatherLogs'>) => void;
}) {
  const { entries, problems } = found;
  const [chosenName, setChosenName] = useState(() => (entries.find(({ changedLines }) => changedLines > 0) ?? entries[0])?.name);
  const chosen = entries.find(({ name }) => name === chosenName);
  const save = useStagedAction(async (options) => onSaved(await callDaemon('gatherLogs', request, options)));
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const changedLines = entries.reduce((sum, entry) => sum + entry.changedLines, 0);
  const { use: _regex, ...command } = request;
  return (
    <div className="ui-stack">
      <p>{words.exportPreviewDetail(entries.length, bytesText(bytes))}</p>
      <p className="tp-dim">{request.anonymize ? words.exportReplaced(changedLines) : words.exportRedacted(changedLines)}</p>
      <ExportProblems problems={problems} />
      {entries.length === 0 ? (
        <Empty title={words.exportNone} />
      ) : (
        <div className="logs-entries" role="region" aria-label={words.exportWouldBe} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.exportEntry}</th>
                <th scope="col">{words.exportSize}</th>
                <th scope="col">{words.exportChanged}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.name}>
                  <td className="tp-mono">
                    <button
                      type="button"
                      className="logs-entry"
                      aria-pressed={entry.name === chosenName}
                      onClick={() => setChosenName(entry.name)}
                    >
                      {entry.name}
                    </button>
                  </td>
                  <td className="tp-number">{bytesText(entry.bytes)}</td>
                  <td className="tp-number">{words.exportLines(entry.changedLines, entry.lines)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {chosen !== undefined && (
        <section className="ui-stack" aria-label={words.exportSample(chosen.name)}>
          <h3>{words.exportSample(chosen.name)}</h3>
          {chosen.sample.length === 0 ? (
            <p className="tp-dim">{words.empty}</p>
          ) : (
            <pre className="logs-sample" tabIndex={0} aria-label={words.exportSample(chosen.name)}>
              {chosen.sample.join('\n')}
            </pre>
          )}
        </section>
      )}
      <CommandLine command={gatherLogsCommand(commandUse === undefined ? command : { ...command, use: commandUse })} />
      {save.error !== undefined && <ErrorNotice title={words.exportFailed} error={save.error} />}
      <div className="ui-row">
        <Button disabled={entries.length === 0} loading={save.isRunning} onClick={() => void save.run()}>
          {words.exportSave}
        </Button>
        <Button variant="default" onClick={save.isRunning ? save.cancel : onBack}>
          {save.isRunning ? words.exportCancel : words.exportBack}
        </Button>
        <span className="tp-dim tp-cut" role="status">
          {save.isRunning ? save.stage || words.exportRunning : words.exportTo(request.outputFile)}
        </span>
      </div>
    </div>
  );
}
