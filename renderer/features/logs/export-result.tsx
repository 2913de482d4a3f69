import { Button } from '@mantine/core';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { bytesText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { ExportProblems } from './export-problems.tsx';

const words = texts.logs;

/** Where the logs are now, and what went in. */
export function ExportResult({
  result: { file, entries, problems },
  onClose,
}: {
  readonly result: CallOutput<'gatherLogs'>;
  readonly onClose: () => void;
}) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  return (
    <div className="ui-stack">
      <p>{words.exportDone}</p>
      <span className="ui-command">
        <code>{file}</code>
        <CopyButton text={file} label={words.exportCopy} />
      </span>
      <ExportProblems problems={problems} />
      <div className="logs-entries" role="region" aria-label={words.exportEntries} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.exportEntry}</th>
              <th scope="col">{words.exportSize}</th>
            </tr>
          </thead>
          <tbody>
            {entries.map(({ name, bytes }) => (
              <tr key={name}>
                <td className="tp-mono">{name}</td>
                <td className="tp-number">{bytesText(bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="ui-row">
        <Button onClick={onClose}>{words.exportClose}</Button>
        {hasBridge && (
          <Button variant="default" onClick={() => inBackground(callApp('showItem', { path: file }))}>
            {words.exportShow}
          </Button>
        )}
      </div>
    </div>
  );
}
